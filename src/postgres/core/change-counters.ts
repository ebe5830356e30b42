import type { Queryable } from "./database.ts";
import { prepared, sql } from "./sql.ts";

/**
 * Counters of changes that caches follow: `receive` covers connectors, endpoints and secrets, `flows` deployments,
 * `sources` polled sources, `breakers` the targets that workers watch. Raise several in this order.
 */
export type ChangeCounter = "receive" | "flows" | "sources" | "breakers";

/**
 * Raises a counter in the transaction of the change itself and returns its new value. The row stays locked until that
 * transaction ends, so that changes are counted in the order of their commits.
 */
export async function raiseCounter(transaction: Queryable, name: ChangeCounter): Promise<number> {
  const [row] = await transaction.query<{ value: string }>(
    prepared(
      "raise-counter",
      sql`UPDATE change_counters SET value = value + 1 WHERE name = ${name} RETURNING value`,
    ),
  );
  return Number(row?.value);
}

export async function readCounter(database: Queryable, name: ChangeCounter): Promise<number> {
  const [row] = await database.query<{ value: string }>(
    prepared("read-counter", sql`SELECT value FROM change_counters WHERE name = ${name}`),
  );
  return Number(row?.value);
}
