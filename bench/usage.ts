import { readdirSync, readFileSync } from "node:fs";

/** The usage of a group of processes between two snapshots. */
export interface Usage {
  /** Cores used, on average. */
  cores: number;
  /** Total CPU time, s. */
  cpuSeconds: number;
  /** Resident memory now, MiB. Shared pages count once per process. */
  rssMiB: number;
}

/** Clock ticks per second in /proc, which Linux fixes for user space. */
const TICKS_PER_SECOND = 100;

/** Measures the processes of each group and their children from now until the returned function is called. */
export function measureUsage(groups: Record<string, number[]>): () => Record<string, Usage> {
  const startedMs = performance.now();
  const before = Object.entries(groups).map(([name, pids]) => [name, cpuTicks(withChildren(pids))] as const);
  return () => {
    const seconds = (performance.now() - startedMs) / 1_000;
    return Object.fromEntries(
      before.map(([name, ticks]) => {
        const pids = withChildren(groups[name] ?? []);
        const cpuSeconds = (cpuTicks(pids) - ticks) / TICKS_PER_SECOND;
        const cores = Math.round((cpuSeconds / seconds) * 100) / 100;
        return [name, { cores, cpuSeconds, rssMiB: Math.round(rss(pids) / 1_048_576) }];
      }),
    );
  };
}

function withChildren(pids: readonly number[]): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    const parent = Number(statFields(Number(entry))[1]);
    children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
  }
  const all = [...pids];
  for (const pid of all) all.push(...(children.get(pid) ?? []));
  return all;
}

/** CPU time of the processes and of their ended children. */
function cpuTicks(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const fields = statFields(pid);
    return sum + [11, 12, 13, 14].reduce((own, index) => own + Number(fields[index] ?? 0), 0);
  }, 0);
}

function rss(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + Number(statFields(pid)[21] ?? 0) * 4_096, 0);
}

/** The fields of /proc/pid/stat after the command's name; none if the process is gone. */
function statFields(pid: number): string[] {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
