import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";

/** A running process. Zombies have an empty command line. */
export interface Process {
  pid: number;
  parentPid: number;
  /** The arguments, separated by spaces. */
  commandLine: string;
}

/** Lists all visible processes, from /proc or else from `ps`. */
export function listProcesses(): Process[] {
  let entries: string[];
  try {
    entries = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
  } catch {
    entries = [];
  }
  return entries.length > 0 ? entries.flatMap(readProcess) : listWithPs();
}

/** Returns the pids of a process and all its descendants, parents first. */
export function familyOf(pid: number): number[] {
  const all = listProcesses();
  const family = [pid];
  for (const member of family) {
    family.push(...all.filter(({ parentPid }) => parentPid === member).map((child) => child.pid));
  }
  return family;
}

function readProcess(entry: string): Process[] {
  try {
    const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
    const commandLine = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ").trim();
    // The name in parentheses may contain any character, so fields are counted after it.
    const parentPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
    return [{ pid: Number(entry), parentPid, commandLine }];
  } catch {
    return [];
  }
}

function listWithPs(): Process[] {
  const table = execFileSync("ps", ["-axo", "pid=,ppid=,args="], { encoding: "utf8" });
  return table.split("\n").flatMap((line) => {
    const [, pid, parentPid, commandLine] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    return pid === undefined
      ? []
      : [{ pid: Number(pid), parentPid: Number(parentPid), commandLine: commandLine ?? "" }];
  });
}
