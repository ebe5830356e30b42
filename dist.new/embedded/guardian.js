import { spawn } from "node:child_process";
import { setTimeout as delay } from "node:timers/promises";
import { familyOf, listProcesses } from "./processes.js";
import { storeEnvironment } from "./run-as.js";
/** How long a store may take to stop before it is killed, ms. */
const STOP_MS = 30_000;
/**
 * Runs the store as a child, and sends it the stop signal when standard input closes: when its parent asks, or died.
 * Signals meant for the parent are ignored here, the store sets its own. It ends when the store does.
 */
const SCRIPT = `
stop=$1; shift
trap '' HUP INT TERM
exec 3<&0
"$@" </dev/null 3<&- &
store=$!
{ read -r _ <&3; kill -s "$stop" "$store"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$store"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
`;
/** Starts the command in a session of its own, out of reach of the terminal's Ctrl-C. */
export async function startGuarded(options) {
    const { command, directory, stopSignal, runAs, logFd } = options;
    const child = spawn("/bin/sh", ["-c", SCRIPT, "headrace-guardian", stopSignal, ...command], {
        cwd: directory,
        env: storeEnvironment(),
        stdio: ["pipe", logFd, logFd],
        detached: true,
        ...runAs,
    });
    await spawned(child);
    return guarded(child, child.pid);
}
function guarded(child, pid) {
    let ended = false;
    const end = new Promise((resolve) => {
        child.once("exit", () => {
            ended = true;
            resolve();
        });
    });
    // The pipe breaks when the guardian is killed, which `end` tells.
    child.stdin?.on("error", () => { });
    async function kill() {
        const family = ended ? [] : familyOf(pid);
        for (const member of family) {
            try {
                process.kill(member, "SIGKILL");
            }
            catch {
                // It went with its parent.
            }
        }
        await end;
        const alive = () => listProcesses().some((one) => family.includes(one.pid) && one.commandLine !== "");
        while (alive())
            await delay(10);
    }
    return {
        pid,
        end,
        get ended() {
            return ended;
        },
        async stop() {
            child.stdin?.end();
            const tooLate = setTimeout(() => void kill(), STOP_MS);
            await end;
            clearTimeout(tooLate);
        },
        kill,
    };
}
function spawned(child) {
    return new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
}
//# sourceMappingURL=guardian.js.map