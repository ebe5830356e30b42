import type { SourceState } from "../../postgres/sources/states.ts";
import type { DigestHead } from "../../redis/record-digests.ts";
import type { DigestChanges } from "../digests/apply-digests.ts";
import type { DigestTable } from "../digests/digest-table.ts";
import type { LoadedDigests } from "../digests/load-digests.ts";
import type { TrackedRecord } from "../records/record-change.ts";
import { type RecordName, shardOf } from "../records/record-name.ts";
import { createPollStage, type PollStage } from "./poll-stage.ts";

/** The state of a poll that changes while it runs. */
export interface PollProgress {
  /** The source's state in PostgreSQL; every commit replaces it. */
  state: SourceState;
  /** The head of the digests in Redis; undefined if there are none. */
  head: DigestHead | undefined;
  /** Redis missed the changes of a commit. The next poll replays them. */
  behind: boolean;
  /** Set if the next commit starts with empty digests; `partial` says that untracked records may not be new. */
  reset: { partial: boolean } | undefined;
  /** Loaded when the first page has to be compared. */
  digests: LoadedDigests | undefined;
  /** Some tracked records may be missing from the digests until a poll is complete. */
  patchy: boolean;
  /** Shards that were missing from Redis, until the next write to Redis. */
  lost: ReadonlySet<number>;
  readonly stage: PollStage;
  /** Committed changes that Redis does not have yet. */
  pending: PendingChanges;
  readonly counts: PollCounts;
  /** Newest `updated_at` seen, Unix ms. */
  maxUpdatedMs: number | undefined;
  /** In how many records each field appeared. */
  readonly appeared: Map<string, number>;
  readonly changedFields: Set<string>;
}

/** Digest changes that wait for Redis, and the number of their records. */
export interface PendingChanges {
  changes: DigestChanges[];
  records: number;
}

/** Totals of a running poll. */
export interface PollCounts {
  /** Distinct records seen. */
  records: number;
  created: number;
  updated: number;
  deleted: number;
  restored: number;
  missedByWebhook: number;
  duplicates: number;
  unreadable: number;
  pages: number;
  unchangedPages: number;
}

/** Returns the progress of a poll that has read nothing yet. */
export function startProgress(
  state: SourceState,
  head: DigestHead | undefined,
  reset: PollProgress["reset"],
): PollProgress {
  return {
    state,
    head,
    behind: false,
    reset,
    digests: undefined,
    patchy: reset?.partial ?? (head?.partial.length ?? 0) > 0,
    lost: new Set(),
    stage: createPollStage(),
    pending: nonePending(),
    counts: emptyCounts(),
    maxUpdatedMs: undefined,
    appeared: new Map(),
    changedFields: new Set(),
  };
}

/** Returns an empty list of pending changes. */
export function nonePending(): PendingChanges {
  return { changes: [], records: 0 };
}

/** Returns totals of 0. */
export function emptyCounts(): PollCounts {
  return {
    records: 0,
    created: 0,
    updated: 0,
    deleted: 0,
    restored: 0,
    missedByWebhook: 0,
    duplicates: 0,
    unreadable: 0,
    pages: 0,
    unchangedPages: 0,
  };
}

/** Returns the loaded digests; throws if they are not loaded. */
export function tableOf({ digests }: PollProgress): DigestTable {
  if (digests === undefined) throw new Error("The digests must be loaded before a record is compared");
  return digests.table;
}

/**
 * Returns the tracked record at `index` of the digest table (-1 for none), or "lost" if the record may have been in a
 * shard that is gone.
 */
export function trackedOf(
  { digests }: PollProgress,
  name: RecordName,
  index: number,
): TrackedRecord | "lost" | undefined {
  if (digests === undefined) return undefined;
  if (index >= 0) return digests.table.at(index);
  if (digests.unknown.size === 0) return undefined;
  return digests.unknown.has(shardOf(name, digests.codes)) ? "lost" : undefined;
}
