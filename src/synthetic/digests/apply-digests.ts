import type { StoredChanges } from "../../postgres/sources/states.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { SourceKeys } from "../../redis/keys.ts";
import {
  type DigestHead,
  dropShards,
  readShards,
  writeDigestHead,
  writeShards,
} from "../../redis/record-digests.ts";
import type { TrackedRecord } from "../records/record-change.ts";
import { inRightHalf, MAX_SHARD_BITS, ROOT_SHARD, recordName, shardOf } from "../records/record-name.ts";
import { type DigestShard, type KeyedRecord, packShard, unpackShard } from "./digest-shard.ts";

/**
 * The digest changes of one commit; `entries` is a packed shard. A `reset` discards all earlier digests. If its shard
 * is partial, records that are not in it are unknown until a poll is complete.
 */
export type DigestChanges = StoredChanges;

/** Records per shard, about 40 kB. Larger shards split. */
const MAX_SHARD_RECORDS = 1_024;
const SHARDS_PER_WRITE = 8;

/**
 * Brings the digests in Redis from `head` to the generation of the last of the changes. Idempotent, also when two
 * processes do it at once. Returns undefined if Redis moved on in the meantime: then nothing was changed.
 */
export async function applyDigests(
  store: { redis: RedisClient; keys: SourceKeys; ttlSeconds: number },
  head: DigestHead | undefined,
  {
    changes,
    lost,
    nowMs,
  }: {
    changes: readonly DigestChanges[];
    /** Shards that were missing when the poll began. A complete poll knows all of their records. */
    lost: ReadonlySet<number>;
    nowMs: number;
  },
): Promise<DigestHead | undefined> {
  const { redis, keys } = store;
  const from = head?.generation;
  const start = Math.max(
    0,
    changes.findLastIndex(({ reset }) => reset),
  );
  const counted = changes.slice(start).map(unpacked);
  const [first] = counted;
  const fresh = head === undefined || first?.reset === true;
  const codes = new Set(fresh ? [ROOT_SHARD] : head.codes);
  const partial = new Set(fresh ? (first?.partial === true ? [ROOT_SHARD] : []) : head.partial);
  const complete = counted.some((change) => change.complete);
  if (complete) partial.clear();

  const changed = byShard(counted, codes);
  for (const code of fresh ? [ROOT_SHARD] : lost) if (!changed.has(code)) changed.set(code, new Map());
  const replaced: number[] = [];
  const touched = [...changed.keys()];
  for (let at = 0; at < touched.length; at += SHARDS_PER_WRITE) {
    const shards = new Map<number, Buffer>();
    const some = touched.slice(at, at + SHARDS_PER_WRITE);
    for await (const { code, content } of fresh ? nothingOf(some) : readShards(redis, keys, some)) {
      const kept = content === undefined ? undefined : unpackShard(content);
      const known = fresh || kept !== undefined || (complete && lost.has(code));
      if (!known) partial.add(code);
      const records = merge(kept?.records ?? [], changed.get(code) ?? new Map(), nowMs);
      changed.delete(code);
      const parts = split(code, records);
      for (const [part, own] of parts) shards.set(part, packShard({ partial: false, records: own }));
      if (parts.length === 1) continue;
      replaced.push(code);
      codes.delete(code);
      const unknown = partial.delete(code);
      for (const [part] of parts) {
        codes.add(part);
        if (unknown) partial.add(part);
      }
    }
    if (!(await writeShards(redis, keys, { ...store, from, shards }))) return undefined;
  }

  const generation = changes.at(-1)?.generation ?? 0;
  const next = { generation, codes: [...codes], partial: [...partial] };
  if (!(await writeDigestHead(redis, keys, { ...store, from, head: next }))) return undefined;
  const left = fresh ? (head?.codes ?? []).filter((code) => !codes.has(code)) : replaced;
  await dropShards(redis, keys, left);
  return next;
}

function unpacked({ entries, ...stored }: DigestChanges) {
  const shard = unpackShard(entries);
  if (shard === undefined) throw new Error(`The changes of generation ${stored.generation} cannot be read`);
  return { ...stored, ...shard };
}

async function* nothingOf(codes: readonly number[]): AsyncGenerator<{ code: number; content: undefined }> {
  for (const code of codes) yield { code, content: undefined };
}

/** Returns the last change of each record, by the shard that contains the record. */
function byShard(
  changes: readonly Pick<DigestShard, "records">[],
  codes: ReadonlySet<number>,
): Map<number, Map<string, TrackedRecord>> {
  const found = new Map<number, Map<string, TrackedRecord>>();
  for (const { key, tracked } of changes.flatMap(({ records }) => records)) {
    const code = shardOf(recordName(key), codes);
    const own = found.get(code) ?? new Map<string, TrackedRecord>();
    own.set(key, tracked);
    found.set(code, own);
  }
  return found;
}

function merge(
  kept: readonly KeyedRecord[],
  changed: Map<string, TrackedRecord>,
  nowMs: number,
): KeyedRecord[] {
  const merged = kept.map((one) => {
    const tracked = changed.get(one.key);
    if (tracked === undefined) return one;
    changed.delete(one.key);
    return { key: one.key, tracked };
  });
  for (const [key, tracked] of changed) merged.push({ key, tracked });
  return merged.flatMap(({ key, tracked }) => withoutExpired(key, tracked, nowMs));
}

const DAY_MS = 86_400_000;
const TOMBSTONE_MS = 90 * DAY_MS;

/** Drops deleted records after 90 days, and webhook times after a day, since no page is older. */
function withoutExpired(key: string, tracked: TrackedRecord, nowMs: number): KeyedRecord[] {
  const { touchedAtMs, missingSinceMs = nowMs } = tracked;
  if (tracked.deleted && nowMs - missingSinceMs > TOMBSTONE_MS) return [];
  if (touchedAtMs === undefined || nowMs - touchedAtMs < DAY_MS) return [{ key, tracked }];
  const { touchedAtMs: _old, ...rest } = tracked;
  return [{ key, tracked: rest }];
}

function split(code: number, records: readonly KeyedRecord[]): [number, readonly KeyedRecord[]][] {
  if (records.length <= MAX_SHARD_RECORDS || 31 - Math.clz32(code) >= MAX_SHARD_BITS)
    return [[code, records]];
  const left: KeyedRecord[] = [];
  const right: KeyedRecord[] = [];
  for (const one of records) (inRightHalf(recordName(one.key), code) ? right : left).push(one);
  return [...split(code * 2, left), ...split(code * 2 + 1, right)];
}
