import { LANES } from "../domain/priority.js";
import { ROUTER_GROUP } from "./keys.js";
/** Appends event ids to their lanes' streams, in one round trip. Trims nothing: only what was routed is deleted. */
export async function publishEvents(redis, keys, events) {
    const pipeline = redis.pipeline();
    for (const { eventId, lane } of events)
        pipeline.xadd(keys.stream(lane), "*", "e", eventId);
    for (const [error] of (await pipeline.exec()) ?? [])
        if (error)
            throw error;
}
/** The depth of each lane's stream; an absent stream has none. */
export async function streamDepths(redis, keys) {
    const pipeline = redis.pipeline();
    for (const lane of LANES)
        pipeline.xinfo("STREAM", keys.stream(lane));
    const replies = (await pipeline.exec()) ?? [];
    return new Map(LANES.map((lane, index) => [lane, depthOf(replies[index])]));
}
function depthOf(reply) {
    const [error, fields] = reply ?? [null, []];
    if (error !== null) {
        if (error.message.includes("no such key"))
            return { length: 0, added: 0 };
        throw error;
    }
    const list = fields;
    const field = (name) => Number(list[list.indexOf(name) + 1]);
    return { length: field("length"), added: field("entries-added") };
}
/**
 * Waits up to `blockMs` for entries that no consumer has seen, at most `count` a lane, and answers them with the
 * first lane first. The group is made, from the stream's beginning, when it is not there: Redis may have lost it.
 */
export async function readEvents(blocking, keys, { consumer, count, blockMs }) {
    const streams = LANES.map((lane) => keys.stream(lane));
    try {
        const reply = (await blocking.xreadgroup("GROUP", ROUTER_GROUP, consumer, "COUNT", count, "BLOCK", blockMs, "STREAMS", ...streams, ...streams.map(() => ">")));
        const byStream = new Map(reply ?? []);
        return LANES.flatMap((lane) => asEntries(lane, byStream.get(keys.stream(lane))));
    }
    catch (error) {
        if (!isGroupLost(error))
            throw error;
        await createGroups(blocking, keys);
        return [];
    }
}
/** What Redis answers to a reader whose stream or group went away under it (FLUSHALL, a restart from nothing). */
function isGroupLost(error) {
    return error instanceof Error && /^(NOGROUP|UNBLOCKED)|no longer exists/.test(error.message);
}
/** From id 0, not `$`: entries that were added before the group are unread, not past. */
async function createGroups(redis, keys) {
    for (const lane of LANES) {
        await redis.xgroup("CREATE", keys.stream(lane), ROUTER_GROUP, "0", "MKSTREAM").catch((error) => {
            if (!error.message.startsWith("BUSYGROUP"))
                throw error;
        });
    }
}
function asEntries(lane, entries) {
    return (entries ?? []).map(([entryId, fields]) => ({ lane, entryId, eventId: fields?.[1] ?? "" }));
}
/** Acknowledges and deletes entries that were routed. */
export async function dropEntries(redis, keys, entries) {
    const pipeline = redis.pipeline();
    for (const lane of LANES) {
        const ids = entries.filter((entry) => entry.lane === lane).map((entry) => entry.entryId);
        if (ids.length === 0)
            continue;
        pipeline.xack(keys.stream(lane), ROUTER_GROUP, ...ids);
        pipeline.xdel(keys.stream(lane), ...ids);
    }
    await pipeline.exec();
}
/**
 * Takes over entries that another consumer read and has not acknowledged for `minIdleMs`: it is dead, or stuck.
 * Their events come due again by their lease in any case; what is left to do is to route or drop them.
 */
export async function takeOverEvents(redis, keys, { consumer, minIdleMs, count }) {
    const pipeline = redis.pipeline();
    for (const lane of LANES) {
        pipeline.xautoclaim(keys.stream(lane), ROUTER_GROUP, consumer, minIdleMs, "0", "COUNT", count);
    }
    const replies = (await pipeline.exec()) ?? [];
    return LANES.flatMap((lane, index) => {
        const [error, reply] = replies[index] ?? [null, null];
        if (error !== null || reply === null)
            return [];
        return asEntries(lane, reply[1]);
    });
}
/** Forgets consumers that hold nothing and were not heard of for `idleMs`: every start of a router adds one. */
export async function forgetConsumers(redis, keys, idleMs) {
    for (const lane of LANES) {
        const consumers = (await redis
            .xinfo("CONSUMERS", keys.stream(lane), ROUTER_GROUP)
            .catch(() => []));
        for (const consumer of consumers) {
            const field = (name) => consumer[consumer.indexOf(name) + 1];
            if (Number(field("pending")) === 0 && Number(field("idle")) > idleMs) {
                await redis.xgroup("DELCONSUMER", keys.stream(lane), ROUTER_GROUP, String(field("name")));
            }
        }
    }
}
//# sourceMappingURL=event-stream.js.map