import type pg from "pg";
import { connectionOptions, SessionClient } from "./connection-options.ts";
import type { Queryable } from "./database.ts";
import { prepared, sql } from "./sql.ts";

/** The only channel: it says that events wait in the outbox. Losing a notification costs one polling interval. */
const CHANNEL = "headrace_outbox";

/**
 * Tells relays in other processes that events wait, at most once per `intervalMs` and never within a transaction of
 * events: a commit with NOTIFY takes a lock of the whole cluster.
 */
export function createNotifier(database: Queryable, intervalMs: number): () => void {
  let resting = false;
  let more = false;
  return function notify() {
    more = resting;
    if (resting) return;
    resting = true;
    setTimeout(() => {
      resting = false;
      if (more) notify();
    }, intervalMs).unref();
    database.query(prepared("notify-outbox", sql`SELECT pg_notify(${CHANNEL}, '')`)).catch(() => {});
  };
}

/** Listens on its own connection, which cannot go through a pooler, and reconnects when it is lost. */
export function listenForEvents(options: {
  url: string;
  onEvents: () => void;
  onError: (error: Error) => void;
  retryMs: number;
}): { stop(): Promise<void> } {
  const { url, onEvents, onError, retryMs } = options;
  let stopped = false;
  let client: pg.Client | undefined;
  let timer: NodeJS.Timeout | undefined;

  function connect(): void {
    const own = new SessionClient({
      ...connectionOptions(url),
      application_name: "headrace-listen",
      keepAlive: true,
    });
    client = own;
    let lost = false;
    const reconnect = (error: Error) => {
      if (lost || stopped) return;
      lost = true;
      onError(error);
      own.end().catch(() => {});
      timer = setTimeout(connect, retryMs);
    };
    own.on("error", reconnect);
    own.on("end", () => reconnect(new Error("The listening connection ended")));
    own.on("notification", onEvents);
    own
      .connect()
      .then(() => own.query(`LISTEN ${CHANNEL}`))
      .then(onEvents)
      .catch(reconnect);
  }

  connect();
  return {
    async stop() {
      stopped = true;
      clearTimeout(timer);
      await client?.end().catch(() => {});
    },
  };
}
