import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { type AddressInfo, createServer as createTcpServer, type Server, type Socket } from "node:net";
import { onTestFinished } from "vitest";

/** A server on a loopback address that counts its connections, closed when its test ends. */
export interface LocalTarget {
  url: string;
  port: number;
  /** All connections so far. */
  connected: number;
  /** The open connections. */
  open: Set<Socket>;
  /** Closes the server before its test ends. */
  close(): Promise<void>;
}

/** Serves HTTP on a free port of 127.0.0.1, or on the given port and address. */
export function serve(
  handle: (request: IncomingMessage, response: ServerResponse) => void,
  { port = 0, host = "127.0.0.1" } = {},
): Promise<LocalTarget> {
  return listen(createServer(handle), port, host);
}

/** Serves raw bytes: `answer` is called with the first bytes of a connection. */
export function serveRaw(answer: (socket: Socket, first: Buffer) => void): Promise<LocalTarget> {
  return listen(
    createTcpServer((socket) => socket.once("data", (first: Buffer) => answer(socket, first))),
    0,
    "127.0.0.1",
  );
}

async function listen(server: Server, port: number, host: string): Promise<LocalTarget> {
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  const address = server.address() as AddressInfo;
  const open = new Set<Socket>();
  const target: LocalTarget = {
    url: `http://${host}:${address.port}`,
    port: address.port,
    connected: 0,
    open,
    async close() {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("connection", (socket) => {
    target.connected += 1;
    open.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => open.delete(socket));
  });
  onTestFinished(() => target.close());
  return target;
}
