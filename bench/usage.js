import { readdirSync, readFileSync } from "node:fs";
/** Clock ticks a second in /proc, which Linux fixes for user space. */
const TICKS_PER_SECOND = 100;
/** Measures the processes of each group, and their children, from now until the answer is called. */
export function measureUsage(groups) {
    const startedMs = performance.now();
    const before = Object.entries(groups).map(([name, pids]) => [name, cpuTicks(withChildren(pids))]);
    return () => {
        const seconds = (performance.now() - startedMs) / 1_000;
        return Object.fromEntries(before.map(([name, ticks]) => {
            const pids = withChildren(groups[name] ?? []);
            const cores = (cpuTicks(pids) - ticks) / TICKS_PER_SECOND / seconds;
            return [name, { cores: Math.round(cores * 100) / 100, rssMiB: Math.round(rss(pids) / 1_048_576) }];
        }));
    };
}
function withChildren(pids) {
    const children = new Map();
    for (const entry of readdirSync("/proc")) {
        if (!/^\d+$/.test(entry))
            continue;
        const parent = Number(statFields(Number(entry))[1]);
        children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    }
    const all = [...pids];
    for (const pid of all)
        all.push(...(children.get(pid) ?? []));
    return all;
}
/** CPU time of the processes, and of their children that ended. */
function cpuTicks(pids) {
    return pids.reduce((sum, pid) => {
        const fields = statFields(pid);
        return sum + [11, 12, 13, 14].reduce((own, index) => own + Number(fields[index] ?? 0), 0);
    }, 0);
}
function rss(pids) {
    return pids.reduce((sum, pid) => sum + Number(statFields(pid)[21] ?? 0) * 4_096, 0);
}
/** The fields of /proc/pid/stat behind the command's name; none for a process that is gone. */
function statFields(pid) {
    try {
        const text = readFileSync(`/proc/${pid}/stat`, "utf8");
        return text.slice(text.lastIndexOf(")") + 2).split(" ");
    }
    catch {
        return [];
    }
}
