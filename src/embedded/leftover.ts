import { readFileSync, rmSync } from "node:fs";
import { HeadraceError } from "../domain/errors.ts";
import { delay } from "../runtime/delay.ts";
import { listProcesses } from "./processes.ts";

/** How long a leftover store may take to stop, ms. */
const WAIT_MS = 30_000;

/**
 * Stops a store that an earlier process left running on this folder, and waits for its end. It is identified by its pid
 * file and by the folder in its command line, since the pid may have been reused. Call this only with the lock of the data
 * dir. Throws `data_dir_in_use` if the store does not stop within 30 s.
 */
export async function endLeftover(store: {
  /** A file with the pid of the store in its first line. */
  pidFile: string;
  directory: string;
  stopSignal: "INT" | "TERM";
}): Promise<void> {
  const pid = readPid(store.pidFile);
  if (pid === undefined) return;
  const alive = () =>
    listProcesses().some((one) => one.pid === pid && one.commandLine.includes(store.directory));
  if (alive()) process.kill(pid, `SIG${store.stopSignal}`);
  const deadline = performance.now() + WAIT_MS;
  while (alive()) {
    if (performance.now() > deadline) {
      throw new HeadraceError(
        "data_dir_in_use",
        `Process ${pid} still serves ${store.directory}: stop it first`,
      );
    }
    await delay(50);
  }
  // PostgreSQL refuses to start if the pid in an old file belongs to any live process.
  rmSync(store.pidFile, { force: true });
}

function readPid(file: string): number | undefined {
  try {
    const pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    return pid > 0 ? pid : undefined;
  } catch {
    return undefined;
  }
}
