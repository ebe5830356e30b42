import { connect } from "node:net";
import type pg from "pg";

/** The request's number in PostgreSQL's protocol, in place of a version. */
const CANCEL_REQUEST = 80_877_102;

/** A server that does not take the request within this time is left to its own time limits, ms. */
const TIMEOUT_MS = 2_000;

/**
 * Asks PostgreSQL, or the pooler before it, to end what a connection is busy with. The request has a connection of its
 * own and is never answered; it is not encrypted, which servers and libpq agree on. Where it is lost, the statement
 * ends by `statement_timeout`.
 */
export function cancelStatement(client: pg.ClientBase): void {
  const { host, port, processID, secretKey } = client as pg.ClientBase & {
    host: string;
    port: number;
    processID: number | null;
    secretKey: number | null;
  };
  if (!processID || !secretKey) return;
  const request = Buffer.alloc(16);
  request.writeInt32BE(16, 0);
  request.writeInt32BE(CANCEL_REQUEST, 4);
  request.writeInt32BE(processID, 8);
  request.writeInt32BE(secretKey, 12);
  const socket = host.startsWith("/") ? connect(`${host}/.s.PGSQL.${port}`) : connect(port, host);
  socket.setTimeout(TIMEOUT_MS, () => socket.destroy());
  socket.on("error", () => {});
  socket.end(request);
}
