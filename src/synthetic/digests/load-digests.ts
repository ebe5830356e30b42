import { HeadraceError } from "../../domain/errors.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import type { SourceName } from "../../postgres/sources/sources.ts";
import { findChangesKept, listChanges, type SourceState } from "../../postgres/sources/states.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { SourceKeys } from "../../redis/keys.ts";
import { type DigestHead, readDigestHead, readShards } from "../../redis/record-digests.ts";
import { ROOT_SHARD, recordName } from "../records/record-name.ts";
import { applyDigests } from "./apply-digests.ts";
import { unpackShard } from "./digest-shard.ts";
import { createDigestTable, type DigestTable } from "./digest-table.ts";

/** The stores of one source's digests. `ttlSeconds` counts from the last poll. */
export interface DigestStore {
  database: Queryable;
  redis: RedisClient;
  keys: SourceKeys;
  ttlSeconds: number;
  now: () => number;
}

/** Rows of changes that are replayed at once. */
const CHANGES_PER_REPLAY = 8;
const MAX_TRIES = 5;

/**
 * Returns the head of the digests in Redis after replaying the changes kept in PostgreSQL, which exist if a process
 * ended between its commit and the write to Redis. Returns undefined if the digests are lost or stale.
 */
export async function findDigests(
  store: DigestStore,
  name: SourceName,
  { generation }: SourceState,
): Promise<DigestHead | undefined> {
  if (generation === 0) return undefined;
  for (let tries = 0; tries < MAX_TRIES; tries += 1) {
    const head = await readDigestHead(store.redis, store.keys).catch((cause) => {
      // An unavailable Redis has not lost the digests.
      throw new HeadraceError("store_unavailable", "Redis cannot be read", { cause });
    });
    if (head?.generation === generation) return head;
    const kept = await findChangesKept(store.database, name);
    const after = replayedAfter(generation, head, kept);
    if (after === undefined) return undefined;
    await replay(store, name, { head, after });
  }
  return undefined;
}

/** Returns the generation after which changes must be replayed; undefined if the kept changes are not sufficient. */
export function replayedAfter(
  generation: number,
  head: DigestHead | undefined,
  kept: { oldest: number; newestReset: number | undefined } | undefined,
): number | undefined {
  if (kept === undefined) return undefined;
  const { oldest, newestReset } = kept;
  const has = head === undefined || head.generation > generation ? undefined : head.generation;
  if (newestReset !== undefined && (has === undefined || has < newestReset)) return newestReset - 1;
  return has !== undefined && has < generation && oldest <= has + 1 ? has : undefined;
}

async function replay(
  store: DigestStore,
  name: SourceName,
  { head, after }: { head: DigestHead | undefined; after: number },
): Promise<void> {
  let at: { head: DigestHead | undefined; after: number } = { head, after };
  for (;;) {
    const changes = await listChanges(store.database, name, { after: at.after, limit: CHANGES_PER_REPLAY });
    if (changes.length === 0) return;
    const next = await applyDigests(store, at.head, { changes, lost: new Set(), nowMs: store.now() });
    // Another process replayed them.
    if (next === undefined) return;
    at = { head: next, after: next.generation };
  }
}

/** Digests in memory. */
export interface LoadedDigests {
  table: DigestTable;
  codes: ReadonlySet<number>;
  /** Shards that are missing from Redis. */
  lost: ReadonlySet<number>;
  /** Shards that may have had more records: lost ones, and partial ones that no complete poll has refilled. */
  unknown: ReadonlySet<number>;
}

/** Loads the digests. Shards that disappear in the meantime count as lost. */
export async function loadDigests({ redis, keys }: DigestStore, head: DigestHead): Promise<LoadedDigests> {
  const table = createDigestTable();
  const lost = new Set<number>();
  for await (const { code, content } of readShards(redis, keys, head.codes)) {
    const shard = content === undefined ? undefined : unpackShard(content);
    if (shard === undefined) lost.add(code);
    for (const { key, tracked } of shard?.records ?? []) table.set(recordName(key), tracked);
  }
  return { table, codes: new Set(head.codes), lost, unknown: new Set([...lost, ...head.partial]) };
}

/** Returns empty digests. */
export function noDigests(): LoadedDigests {
  const none = new Set<number>();
  return { table: createDigestTable(), codes: new Set([ROOT_SHARD]), lost: none, unknown: none };
}
