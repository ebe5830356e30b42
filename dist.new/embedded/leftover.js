import { readFileSync, rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { HeadraceError } from "../domain/errors.js";
import { listProcesses } from "./processes.js";
const WAIT_MS = 30_000;
/**
 * Waits for the store that an earlier process left on this folder, and asks it to stop. It is known by its pid file and
 * by its command line, which names the folder: a pid alone may be anyone's by now. Only the holder of the data dir's
 * lock may call this. Throws `data_dir_in_use` when it does not stop within 30 s.
 */
export async function endLeftover(store) {
    const pid = readPid(store.pidFile);
    if (pid === undefined)
        return;
    const alive = () => listProcesses().some((one) => one.pid === pid && one.commandLine.includes(store.directory));
    if (alive())
        process.kill(pid, `SIG${store.stopSignal}`);
    const deadline = performance.now() + WAIT_MS;
    while (alive()) {
        if (performance.now() > deadline) {
            throw new HeadraceError("data_dir_in_use", `Process ${pid} still serves ${store.directory}: stop it first`);
        }
        await delay(50);
    }
    // PostgreSQL refuses to start when the pid in an old file is a live process, whatever that is.
    rmSync(store.pidFile, { force: true });
}
function readPid(file) {
    try {
        const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
        return pid > 0 ? pid : undefined;
    }
    catch {
        return undefined;
    }
}
//# sourceMappingURL=leftover.js.map