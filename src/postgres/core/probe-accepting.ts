import type { Queryable } from "./database.ts";
import { sql } from "./sql.ts";

/**
 * Writes an event with a payload of this size as a delivery does, and undoes it; throws the error that a delivery
 * would meet.
 */
export async function probeAccepting(database: Queryable, payloadBytes: number): Promise<void> {
  await database.query(sql`SELECT probe_accepting(${payloadBytes})`);
}
