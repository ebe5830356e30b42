import { createHash } from "node:crypto";
import { realpathSync, rmSync } from "node:fs";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ROOT } from "./run.mjs";

/** The size of a Unix socket address. Versions of Node differ in how they pad shorter ones. */
const ADDRESS_BYTES = 108;

/**
 * Runs the work while no other process of this checkout runs any. The lock is a listening socket, which the kernel closes
 * when its process dies. Waiting processes stay connected to it until then.
 */
export async function inTurn(work) {
  const address = addressOf(realpathSync(ROOT));
  let release = await take(address);
  if (release === undefined) console.error("Another command is preparing this checkout: waiting for it.");
  while (release === undefined) {
    await untilFree(address);
    release = await take(address);
  }
  try {
    return await work();
  } finally {
    release();
  }
}

/** Takes the lock. Returns undefined if another process has it. */
function take(path) {
  const waiting = new Set();
  const server = createServer((socket) => {
    waiting.add(socket);
    socket.on("error", () => {}).on("close", () => waiting.delete(socket));
  });
  const release = () => {
    server.close();
    for (const socket of waiting) socket.destroy();
  };
  return new Promise((resolve, reject) => {
    server.once("error", (error) => (error.code === "EADDRINUSE" ? resolve(undefined) : reject(error)));
    server.listen({ path, exclusive: true }, () => resolve(release));
  });
}

function untilFree(path) {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once("error", (error) => {
      // Where sockets are files, a killed process leaves its file behind.
      if (error.code === "ECONNREFUSED" && !path.startsWith("\0")) rmSync(path, { force: true });
    });
    socket.once("close", resolve).resume();
  });
}

/** Returns the address of the lock. On Linux it is abstract and leaves no file behind. */
function addressOf(path) {
  const name = `headrace-${createHash("sha256").update(path).digest("hex").slice(0, 32)}`;
  return process.platform === "linux"
    ? `\0${name}`.padEnd(ADDRESS_BYTES, "-")
    : join(tmpdir(), `${name}.sock`);
}
