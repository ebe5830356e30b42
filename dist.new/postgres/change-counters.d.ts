import type { Queryable } from "./database.ts";
/** What a cache can be behind of: `receive` covers connectors, endpoints and secrets, `flows` deployments. */
export type ChangeCounter = "receive" | "flows";
/**
 * Raises a counter in the transaction of the change itself and answers its new value. The row stays locked until
 * that transaction ends, so that changes are counted in the order in which they commit.
 */
export declare function raiseCounter(transaction: Queryable, name: ChangeCounter): Promise<number>;
export declare function readCounter(database: Queryable, name: ChangeCounter): Promise<number>;
