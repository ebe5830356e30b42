import type { Server } from "node:http";
import type { Socket } from "node:net";

/** Bounds on the connections of a server. */
export interface ConnectionBounds {
  /** Concurrent connections. Further ones are closed without a response. */
  maxConnections: number;
  /** Timeout for the headers of a request, ms. The connection is then answered 408 and closed. */
  headersTimeoutMs: number;
  /** Timeout for the whole request, ms. */
  requestTimeoutMs: number;
  /** Interval of the checks for these two timeouts, ms. */
  checkMs: number;
  /** Timeout of idle connections, ms. Must exceed that of proxies, or they send requests into a closed connection. */
  keepAliveMs: number;
  /** Timeout of a connection without reads or writes, ms. Must exceed the longest call. */
  inactiveMs: number;
  /** How long a client may take to read a response, ms. */
  answerMs: number;
  /** How long a refused client may read the reason, ms. */
  lingerMs: number;
}

/** The bound that closed a connection: the values of a metric's label. */
export type DroppedConnection = "max_connections" | "request_timeout" | "inactive" | "answer_timeout";

/** Only larger responses may wait for their client, bytes: the kernel buffers smaller ones at once. */
const LARGE_ANSWER_BYTES = 65_536;

/** Minimum time between two closings of idle connections, ms. */
const MAKE_ROOM_MS = 1_000;

/** Applies the bounds to a server. `onDropped` is called for each connection that a bound closes. */
export function boundConnections(
  server: Server,
  bounds: ConnectionBounds,
  onDropped: (reason: DroppedConnection) => void,
): void {
  let madeRoomMs = Number.NEGATIVE_INFINITY;
  server.maxConnections = bounds.maxConnections;
  server.on("drop", () => {
    onDropped("max_connections");
    if (performance.now() - madeRoomMs < MAKE_ROOM_MS) return;
    madeRoomMs = performance.now();
    server.closeIdleConnections();
  });
  server.setTimeout(bounds.inactiveMs, (socket) => {
    onDropped("inactive");
    socket.destroy();
  });
}

/** Responds on the bare socket and destroys it after `lingerMs`: otherwise a client could keep it open by sending. */
export function endWith(socket: Socket, answer: string, lingerMs: number): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.end(answer);
}

/**
 * Makes the end of the response close only the server's side of the connection, and destroys it after `lingerMs`. What
 * the client still sends is discarded: a reset would make many clients lose the response (RFC 9112, section 9.6).
 */
export function closeGently(socket: Socket, lingerMs: number): void {
  socket.destroySoon = () => {
    const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
    socket.once("close", () => clearTimeout(timer));
    socket.end();
  };
}

/** Cuts off a response that its client does not read in time. */
export function boundAnswer(
  response: { destroyed: boolean; destroy(): unknown; once(event: "close", listener: () => void): unknown },
  { payload, answerMs }: { payload: unknown; answerMs: number },
  onDropped: (reason: DroppedConnection) => void,
): void {
  const bytes = typeof payload === "string" || Buffer.isBuffer(payload) ? payload.length : Infinity;
  if (payload === null || payload === undefined || bytes <= LARGE_ANSWER_BYTES) return;
  const timer = setTimeout(() => {
    onDropped("answer_timeout");
    response.destroy();
  }, answerMs).unref();
  response.once("close", () => clearTimeout(timer));
}
