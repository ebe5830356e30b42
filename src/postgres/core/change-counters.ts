import type { Queryable } from "./database.ts";

/**
 * What a cache can be behind of: `receive` covers connectors, endpoints and secrets, `flows` deployments, `sources`
 * polled sources, `breakers` the targets that workers watch. Who raises several does so in this order.
 */
export type ChangeCounter = "receive" | "flows" | "sources" | "breakers";

/**
 * Raises a counter in the transaction of the change itself and answers its new value. The row stays locked until
 * that transaction ends, so that changes are counted in the order in which they commit.
 */
export async function raiseCounter(transaction: Queryable, name: ChangeCounter): Promise<number> {
  const [row] = await transaction.query<{ value: string }>({
    name: "raise-counter",
    text: "UPDATE change_counters SET value = value + 1 WHERE name = $1 RETURNING value",
    values: [name],
  });
  return Number(row?.value);
}

export async function readCounter(database: Queryable, name: ChangeCounter): Promise<number> {
  const [row] = await database.query<{ value: string }>({
    name: "read-counter",
    text: "SELECT value FROM change_counters WHERE name = $1",
    values: [name],
  });
  return Number(row?.value);
}
