import { randomBytes } from "node:crypto";
import type pg from "pg";

/** The kind of pooler between a client and the server's sessions. */
export type Pooling =
  /** Each client has its own session: no pooler, or one that pools sessions. */
  | "none"
  /** A session serves each transaction of any client, and prepared statements follow the client. */
  | "transactions"
  /** The same, but a prepared statement exists on some sessions only. */
  | "transactions without prepared statements";

/** The number of rounds while the probe sees one session: a pooler may pick another one the next time. */
const ROUNDS = 3;

/** A statement of the probe that takes longer waits for the other client's session, ms. */
const WAIT_MS = 2_000;

/**
 * Detects a pooler by a named statement of `client`, executed while `other` holds a transaction open: behind a pooler
 * of transactions the second execution gets another session than the first. Both clients must be idle, and the caller
 * closes them afterwards.
 */
export async function probePooling(client: pg.Client, other: pg.Client): Promise<Pooling> {
  const statement = {
    name: `headrace_probe_${randomBytes(8).toString("hex")}`,
    text: "SELECT pg_backend_pid() AS pid",
  };
  try {
    const seen = new Set<number>();
    for (let round = 0; round < ROUNDS; round += 1) {
      seen.add(await pidOf(client, statement));
      await other.query("BEGIN");
      const held = await pidOf(other, { text: statement.text });
      const again = await orTimeout(pidOf(client, statement));
      await other.query("COMMIT");
      // A pool of one session: the first client waits for the other, and both would prepare on the same session.
      if (again === undefined) return await probeOneSession(other, statement);
      seen.add(again);
      if (seen.size > 1 || seen.has(held)) return "transactions";
    }
    return "none";
  } catch (error) {
    if (isLostStatement(error)) return "transactions without prepared statements";
    throw error;
  }
}

async function probeOneSession(
  other: pg.Client,
  statement: { name: string; text: string },
): Promise<Pooling> {
  await pidOf(other, statement);
  return "transactions";
}

async function pidOf(client: pg.Client, statement: { name?: string; text: string }): Promise<number> {
  return (await client.query<{ pid: number }>(statement)).rows[0]?.pid ?? 0;
}

async function orTimeout(reply: Promise<number>): Promise<number | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, WAIT_MS, undefined);
  });
  // A failure after the timeout is ignored.
  reply.catch(() => {});
  try {
    return await Promise.race([reply, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

/** True if a prepared statement is missing on the session, or was prepared there by another client. */
function isLostStatement(error: unknown): boolean {
  const code = (error as { code?: string }).code;
  return code === "26000" || code === "42P05";
}
