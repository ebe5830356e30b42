import { rmSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { HeadraceError } from "../domain/errors.ts";
import { delay } from "../runtime/delay.ts";

/** How long a start waits for an owner that is stopping, ms. */
const STOPPING_WAIT_MS = 20_000;
/** How long an owner may take to begin stopping after its signal, ms. */
const GRACE_MS = 1_000;
const ANSWER_MS = 1_000;
/** The size of a Unix socket address. Versions of Node differ in how they pad shorter ones. */
const ADDRESS_BYTES = 108;

/** An exclusive lock on a folder. */
export interface DataDirLock {
  /** Reports to waiting processes that the folder will be free soon. */
  markStopping(): void;
  release(): Promise<void>;
}

interface Owner {
  pid: number;
  stopping: boolean;
}

/**
 * Locks the folder, or throws `data_dir_in_use` with the pid of its owner. Waits up to 20 s for an owner that is stopping.
 * The lock is a listening socket named after the device and inode of the folder. The kernel frees it when the process
 * dies, and every connection receives the pid of the owner.
 */
export async function lockDataDir(directory: string, shownAs: string): Promise<DataDirLock> {
  const address = addressOf(directory);
  const startedMs = performance.now();
  for (;;) {
    const lock = await tryLock(address);
    if (lock !== undefined) return lock;
    const owner = await askOwner(address);
    const waitMs = owner?.stopping === false ? GRACE_MS : STOPPING_WAIT_MS;
    if (performance.now() - startedMs > waitMs) {
      const who = owner === undefined ? "another process, which does not answer" : `process ${owner.pid}`;
      const state = owner?.stopping ? ", which is still stopping" : "";
      throw new HeadraceError(
        "data_dir_in_use",
        `The data dir ${shownAs} is in use by ${who}${state}: stop it, or set HEADRACE_DATA_DIR to another folder`,
      );
    }
    await delay(100);
  }
}

/** Takes the lock. Returns undefined if another process has it. */
async function tryLock(address: string): Promise<DataDirLock | undefined> {
  const owner: Owner = { pid: process.pid, stopping: false };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(JSON.stringify(owner), () => socket.destroy());
  });
  if (!(await listens(server, address))) return undefined;
  server.unref();
  return {
    markStopping() {
      owner.stopping = true;
    },
    release: () => new Promise((resolve) => server.close(() => resolve())),
  };
}

function listens(server: Server, path: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    server.once("listening", () => resolve(true));
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(false);
      else reject(error);
    });
    server.listen({ path, exclusive: true });
  });
}

/** Asks the owner for its pid and state. Returns undefined if it is gone or does not answer. */
async function askOwner(path: string): Promise<Owner | undefined> {
  const socket = connect({ path });
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  try {
    return (await json(socket)) as Owner;
  } catch (error) {
    // Where sockets are files, a killed process leaves its file behind.
    const refused = (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
    if (refused && !path.startsWith("\0")) rmSync(path, { force: true });
    return undefined;
  }
}

/** Returns the address of the lock. On Linux it is abstract and leaves no file behind. */
function addressOf(directory: string): string {
  const { dev, ino } = statSync(directory);
  const name = `headrace-${dev}-${ino}`;
  return process.platform === "linux"
    ? `\0${name}`.padEnd(ADDRESS_BYTES, "-")
    : join(tmpdir(), `${name}.sock`);
}
