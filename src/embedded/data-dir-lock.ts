import { rmSync, statSync } from "node:fs";
import { connect, createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { json } from "node:stream/consumers";
import { setTimeout as delay } from "node:timers/promises";
import { HeadraceError } from "../domain/errors.ts";

/** How long a start waits for a holder that is stopping, ms. */
const STOPPING_WAIT_MS = 20_000;
/** How long a holder may need to notice that it has to stop, ms. */
const GRACE_MS = 1_000;
const ANSWER_MS = 1_000;
/** The size of an address of a Unix socket; one that fills it means the same to every version of Node. */
const ADDRESS_BYTES = 108;

/** An exclusive hold on a folder. */
export interface DataDirLock {
  /** Tells those who want the folder that it will be free soon. */
  markStopping(): void;
  release(): Promise<void>;
}

interface Holder {
  pid: number;
  stopping: boolean;
}

/**
 * Takes the folder, or throws `data_dir_in_use` with the holder's pid. A holder that is stopping is waited for, up to
 * 20 s. The lock is a listening socket whose name is the folder's device and inode: the kernel frees it when its
 * process dies, however that was, and who connects is told the holder.
 */
export async function lockDataDir(directory: string, shownAs: string): Promise<DataDirLock> {
  const address = addressOf(directory);
  const startedMs = performance.now();
  for (;;) {
    const lock = await tryLock(address);
    if (lock !== undefined) return lock;
    const holder = await askHolder(address);
    const waitMs = holder?.stopping === false ? GRACE_MS : STOPPING_WAIT_MS;
    if (performance.now() - startedMs > waitMs) {
      const who = holder === undefined ? "another process, which does not answer" : `process ${holder.pid}`;
      const state = holder?.stopping ? ", which is still stopping" : "";
      throw new HeadraceError(
        "data_dir_in_use",
        `The data dir ${shownAs} is in use by ${who}${state}: stop that, or set HEADRACE_DATA_DIR to another folder`,
      );
    }
    await delay(100);
  }
}

/** Undefined when it is held. */
async function tryLock(address: string): Promise<DataDirLock | undefined> {
  const holder: Holder = { pid: process.pid, stopping: false };
  const server = createServer((socket) => {
    socket.on("error", () => {});
    socket.end(JSON.stringify(holder), () => socket.destroy());
  });
  if (!(await listens(server, address))) return undefined;
  server.unref();
  return {
    markStopping() {
      holder.stopping = true;
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

/** Undefined when there is none any more, or it does not answer. */
async function askHolder(path: string): Promise<Holder | undefined> {
  const socket = connect({ path });
  socket.setTimeout(ANSWER_MS, () => socket.destroy());
  try {
    return (await json(socket)) as Holder;
  } catch (error) {
    // Where sockets are files, a killed process leaves its own behind.
    const refused = (error as NodeJS.ErrnoException).code === "ECONNREFUSED";
    if (refused && !path.startsWith("\0")) rmSync(path, { force: true });
    return undefined;
  }
}

/** Linux has names that are no files, and so leave nothing behind. */
function addressOf(directory: string): string {
  const { dev, ino } = statSync(directory);
  const name = `headrace-${dev}-${ino}`;
  return process.platform === "linux"
    ? `\0${name}`.padEnd(ADDRESS_BYTES, "-")
    : join(tmpdir(), `${name}.sock`);
}
