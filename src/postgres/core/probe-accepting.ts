import type { Queryable } from "./database.ts";
import { sql } from "./sql.ts";

/** Writes an event of so many bytes as a delivery does, and takes it back; throws what a delivery would meet. */
export async function probeAccepting(database: Queryable, payloadBytes: number): Promise<void> {
  await database.query(sql`SELECT probe_accepting(${payloadBytes})`);
}
