import { execFileSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
/** Every process that this one may see: from /proc, or from `ps` where there is none. */
export function listProcesses() {
    let entries;
    try {
        entries = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    }
    catch {
        entries = [];
    }
    return entries.length > 0 ? entries.flatMap(readProcess) : listWithPs();
}
/** The process and all its descendants, parents first. */
export function familyOf(pid) {
    const all = listProcesses();
    const family = [pid];
    for (const member of family) {
        family.push(...all.filter(({ parentPid }) => parentPid === member).map((child) => child.pid));
    }
    return family;
}
function readProcess(entry) {
    try {
        const stat = readFileSync(`/proc/${entry}/stat`, "utf8");
        const commandLine = readFileSync(`/proc/${entry}/cmdline`, "utf8").replaceAll("\0", " ").trim();
        // The name in parentheses may hold anything, so fields are counted from behind it.
        const parentPid = Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
        return [{ pid: Number(entry), parentPid, commandLine }];
    }
    catch {
        return [];
    }
}
function listWithPs() {
    const table = execFileSync("ps", ["-axo", "pid=,ppid=,args="], { encoding: "utf8" });
    return table.split("\n").flatMap((line) => {
        const [, pid, parentPid, commandLine] = /^\s*(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
        return pid === undefined
            ? []
            : [{ pid: Number(pid), parentPid: Number(parentPid), commandLine: commandLine ?? "" }];
    });
}
//# sourceMappingURL=processes.js.map