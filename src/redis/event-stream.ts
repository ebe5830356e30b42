import { LANES, type Priority } from "../domain/priority.ts";
import type { RedisClient } from "./client.ts";
import { type RedisKeys, ROUTER_GROUP } from "./keys.ts";

/** An event id in a lane's stream. */
export interface StreamEntry {
  lane: Priority;
  entryId: string;
  eventId: string;
}

/** Appends event ids to the streams of their lanes, with one command per lane. Nothing is trimmed. */
export async function publishEvents(
  redis: RedisClient,
  keys: RedisKeys,
  events: readonly { eventId: string; lane: Priority }[],
): Promise<void> {
  await Promise.all(
    LANES.map((lane) => {
      const ids = events.flatMap((event) => (event.lane === lane ? event.eventId : []));
      return ids.length === 0 ? undefined : redis.eval(APPEND, 1, keys.stream(lane), ...ids);
    }),
  );
}

/** KEYS: the stream. ARGV: event ids. One XADD command per event would be the largest cost of publishing. */
const APPEND = `
for _, id in ipairs(ARGV) do redis.call('XADD', KEYS[1], '*', 'e', id) end`;

/** The entries in the stream of a lane, and those ever added to it. */
export interface StreamDepth {
  length: number;
  added: number;
}

/** Returns the depth of the stream of each lane; 0 for an absent stream. */
export async function streamDepths(redis: RedisClient, keys: RedisKeys): Promise<Map<Priority, StreamDepth>> {
  const pipeline = redis.pipeline();
  for (const lane of LANES) pipeline.xinfo("STREAM", keys.stream(lane));
  const replies = (await pipeline.exec()) ?? [];
  return new Map(LANES.map((lane, index) => [lane, depthOf(replies[index])]));
}

function depthOf(reply: [Error | null, unknown] | undefined): StreamDepth {
  const [error, fields] = reply ?? [null, []];
  if (error !== null) {
    if (error.message.includes("no such key")) return { length: 0, added: 0 };
    throw error;
  }
  const list = fields as unknown[];
  const field = (name: string) => Number(list[list.indexOf(name) + 1]);
  return { length: field("length"), added: field("entries-added") };
}

/**
 * Waits up to `blockMs` for entries that no consumer has seen, and returns at most `count` per lane, the first lane
 * first. Creates missing groups, which Redis may have lost, and then returns no entries.
 */
export async function readEvents(
  blocking: RedisClient,
  keys: RedisKeys,
  { consumer, count, blockMs }: { consumer: string; count: number; blockMs: number },
): Promise<StreamEntry[]> {
  const streams = LANES.map((lane) => keys.stream(lane));
  try {
    const reply = (await blocking.xreadgroup(
      "GROUP",
      ROUTER_GROUP,
      consumer,
      "COUNT",
      count,
      "BLOCK",
      blockMs,
      "STREAMS",
      ...streams,
      ...streams.map(() => ">"),
    )) as [string, [string, string[]][]][] | null;
    const byStream = new Map(reply ?? []);
    return LANES.flatMap((lane) => entriesOf(lane, byStream.get(keys.stream(lane))));
  } catch (error) {
    if (!isGroupLost(error)) throw error;
    await createGroups(blocking, keys);
    return [];
  }
}

/** Returns whether Redis lost the stream or group while it was read (FLUSHALL, a restart without data). */
function isGroupLost(error: unknown): boolean {
  return error instanceof Error && /^(NOGROUP|UNBLOCKED)|no longer exists/.test(error.message);
}

/** Creates the groups at id 0, not `$`, so that entries from before the group are still read. */
async function createGroups(redis: RedisClient, keys: RedisKeys): Promise<void> {
  for (const lane of LANES) {
    await redis.xgroup("CREATE", keys.stream(lane), ROUTER_GROUP, "0", "MKSTREAM").catch((error: Error) => {
      if (!error.message.startsWith("BUSYGROUP")) throw error;
    });
  }
}

function entriesOf(lane: Priority, entries: [string, string[]][] | undefined): StreamEntry[] {
  return (entries ?? []).map(([entryId, fields]) => ({ lane, entryId, eventId: fields?.[1] ?? "" }));
}

/** Acknowledges and deletes entries that were routed. */
export async function dropEntries(
  redis: RedisClient,
  keys: RedisKeys,
  entries: readonly StreamEntry[],
): Promise<void> {
  const pipeline = redis.pipeline();
  for (const lane of LANES) {
    const ids = entries.filter((entry) => entry.lane === lane).map((entry) => entry.entryId);
    if (ids.length === 0) continue;
    pipeline.xack(keys.stream(lane), ROUTER_GROUP, ...ids);
    pipeline.xdel(keys.stream(lane), ...ids);
  }
  await pipeline.exec();
}

/**
 * Takes over entries that another consumer, dead or stuck, has not acknowledged for `minIdleMs`. The outbox leases of
 * their events expire in any case, so an entry that is never taken over loses no event.
 */
export async function takeOverEvents(
  redis: RedisClient,
  keys: RedisKeys,
  { consumer, minIdleMs, count }: { consumer: string; minIdleMs: number; count: number },
): Promise<StreamEntry[]> {
  const pipeline = redis.pipeline();
  for (const lane of LANES) {
    pipeline.xautoclaim(keys.stream(lane), ROUTER_GROUP, consumer, minIdleMs, "0", "COUNT", count);
  }
  const replies = (await pipeline.exec()) ?? [];
  return LANES.flatMap((lane, index) => {
    const [error, reply] = replies[index] ?? [null, null];
    if (error !== null || reply === null) return [];
    return entriesOf(lane, (reply as [string, [string, string[]][]])[1]);
  });
}

/** Deletes consumers without pending entries that were idle for `idleMs`. Every start of a router adds one. */
export async function forgetConsumers(redis: RedisClient, keys: RedisKeys, idleMs: number): Promise<void> {
  for (const lane of LANES) {
    const consumers = (await redis
      .xinfo("CONSUMERS", keys.stream(lane), ROUTER_GROUP)
      .catch(() => [])) as unknown[][];
    for (const consumer of consumers) {
      const field = (name: string) => consumer[consumer.indexOf(name) + 1];
      if (Number(field("pending")) === 0 && Number(field("idle")) > idleMs) {
        await redis.xgroup("DELCONSUMER", keys.stream(lane), ROUTER_GROUP, String(field("name")));
      }
    }
  }
}
