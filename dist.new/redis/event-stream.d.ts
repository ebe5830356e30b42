import { type Priority } from "../domain/priority.ts";
import type { RedisClient } from "./client.ts";
import { type RedisKeys } from "./keys.ts";
/** An event id in a lane's stream. */
export interface StreamEntry {
    lane: Priority;
    entryId: string;
    eventId: string;
}
/** Appends event ids to their lanes' streams, in one round trip. Trims nothing: only what was routed is deleted. */
export declare function publishEvents(redis: RedisClient, keys: RedisKeys, events: readonly {
    eventId: string;
    lane: Priority;
}[]): Promise<void>;
/** How full a lane's stream is, and how many entries were ever added to it. */
export interface StreamDepth {
    length: number;
    added: number;
}
/** The depth of each lane's stream; an absent stream has none. */
export declare function streamDepths(redis: RedisClient, keys: RedisKeys): Promise<Map<Priority, StreamDepth>>;
/**
 * Waits up to `blockMs` for entries that no consumer has seen, at most `count` a lane, and answers them with the
 * first lane first. The group is made, from the stream's beginning, when it is not there: Redis may have lost it.
 */
export declare function readEvents(blocking: RedisClient, keys: RedisKeys, { consumer, count, blockMs }: {
    consumer: string;
    count: number;
    blockMs: number;
}): Promise<StreamEntry[]>;
/** Acknowledges and deletes entries that were routed. */
export declare function dropEntries(redis: RedisClient, keys: RedisKeys, entries: readonly StreamEntry[]): Promise<void>;
/**
 * Takes over entries that another consumer read and has not acknowledged for `minIdleMs`: it is dead, or stuck.
 * Their events come due again by their lease in any case; what is left to do is to route or drop them.
 */
export declare function takeOverEvents(redis: RedisClient, keys: RedisKeys, { consumer, minIdleMs, count }: {
    consumer: string;
    minIdleMs: number;
    count: number;
}): Promise<StreamEntry[]>;
/** Forgets consumers that hold nothing and were not heard of for `idleMs`: every start of a router adds one. */
export declare function forgetConsumers(redis: RedisClient, keys: RedisKeys, idleMs: number): Promise<void>;
