import { connect } from "node:net";
import type pg from "pg";

/** The request's number in PostgreSQL's protocol, in place of a version. */
const CANCEL_REQUEST = 80_877_102;

/** If the server does not accept the request within this time, its own time limits apply, ms. */
const TIMEOUT_MS = 2_000;

/**
 * Asks PostgreSQL, or the pooler before it, to cancel the running statement of a connection. The request uses its own
 * connection, is not encrypted (as in libpq) and gets no reply. If it is lost, the statement ends by
 * `statement_timeout`.
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
