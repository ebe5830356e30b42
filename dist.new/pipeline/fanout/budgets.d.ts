import { type Priority } from "../../domain/priority.ts";
/**
 * How many events each lane may claim in a batch of `batchSize`: its share by weight, so that a lower lane never
 * starves, what the others cannot use besides, and never more than its room.
 */
export declare function shareBatch(room: ReadonlyMap<Priority, number>, batchSize: number): Map<Priority, number>;
