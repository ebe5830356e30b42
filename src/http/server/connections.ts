import type { Server } from "node:http";
import type { Socket } from "node:net";

/** How many connections a server keeps, and for how long each may stay without being of use. */
export interface ConnectionBounds {
  /** Connections at once; one more is closed unanswered. */
  maxConnections: number;
  /** A connection whose request's head is not there after this time is answered 408 and closed, ms. */
  headersTimeoutMs: number;
  /** The same of the whole request, ms. */
  requestTimeoutMs: number;
  /** The wait between two looks at those two, ms. */
  checkMs: number;
  /** An idle connection is closed after this time, ms: longer than proxies keep theirs, or they send into a closed one. */
  keepAliveMs: number;
  /** A connection on which nothing is read or written for this time is closed, ms: longer than any call takes. */
  inactiveMs: number;
  /** An answer that its client has not taken after this time is cut off, ms. */
  answerMs: number;
  /** A client that was refused may read why for this time, ms. */
  lingerMs: number;
}

/** Why a connection was closed that its client would have kept: the values of a metric's label. */
export type DroppedConnection = "max_connections" | "request_timeout" | "inactive" | "answer_timeout";

/** Only an answer larger than this may wait for its client, bytes: the kernel takes smaller ones at once. */
const LARGE_ANSWER_BYTES = 65_536;

/** Idle connections make room at most once in this time, ms. */
const MAKE_ROOM_MS = 1_000;

/** Holds a server to its bounds. `onDropped` is told of each connection that is closed by one. */
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

/**
 * Answers on the bare socket and closes it for good: it would stay open for as long as its client goes on to send.
 */
export function endWith(socket: Socket, answer: string, lingerMs: number): void {
  const timer = setTimeout(() => socket.destroy(), lingerMs).unref();
  socket.once("close", () => clearTimeout(timer));
  socket.end(answer);
}

/** Cuts an answer off that its client does not take in time. */
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
