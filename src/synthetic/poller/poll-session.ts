import type { Database } from "../../postgres/core/database.ts";
import type { SourceState } from "../../postgres/sources/states.ts";
import type { DigestHead } from "../../redis/record-digests.ts";
import type { DigestChanges } from "../digests/apply-digests.ts";
import type { DigestTable } from "../digests/digest-table.ts";
import type { DigestStore, LoadedDigests } from "../digests/load-digests.ts";
import type { ChangeDetail } from "../records/change-detail.ts";
import type { PollRules, TrackedRecord } from "../records/record-change.ts";
import { type RecordName, shardOf } from "../records/record-name.ts";
import type { RecordReader } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import type { PollClaim } from "./poll-outcome.ts";
import type { PollStage } from "./poll-stage.ts";

export interface PollBounds {
  /** Records, and bytes of their JSON, whose changes one commit takes. */
  maxStagedRecords: number;
  maxStagedBytes: number;
  /** Records whose changes wait for Redis while a poll goes on. */
  maxPendingRecords: number;
  /** A record of more bytes of JSON is in no event, and its values are not kept. */
  maxRecordBytes: number;
  /** Pages of a source that are remembered. */
  maxPages: number;
  /** Polls of a source that are kept. */
  keptPolls: number;
  /** Subjects that a hold shows. */
  holdSample: number;
  /** Webhook events that one look takes note of. */
  maxWebhookEvents: number;
  /** An event may become visible so much after its time, ms. */
  webhookOverlapMs: number;
}

/** What is counted while a poll goes on. */
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

/** One poll under way. */
export interface PollSession {
  readonly claim: PollClaim;
  readonly source: PolledSource;
  readonly store: DigestStore;
  readonly bounds: PollBounds;
  readonly reader: RecordReader;
  readonly detail: ChangeDetail;
  readonly rules: PollRules;
  readonly startedAtMs: number;
  /** What PostgreSQL has; replaced by every commit. */
  state: SourceState;
  /** What Redis has; undefined for nothing. */
  head: DigestHead | undefined;
  /** Redis did not take a commit's changes: the next poll brings it up to date. */
  behind: boolean;
  /** The next commit begins the digests anew, with shards that are partial or not. */
  reset: { partial: boolean } | undefined;
  /** Loaded when the first page has to be compared. */
  digests: LoadedDigests | undefined;
  /** Some of what was tracked may not be known any more, until a poll is complete. */
  patchy: boolean;
  /** Shards that were found gone, until the next write to Redis. */
  lost: ReadonlySet<number>;
  readonly stage: PollStage;
  /** Committed changes that Redis does not have yet. */
  pending: { changes: DigestChanges[]; records: number };
  readonly counts: PollCounts;
  /** The newest time of change that was seen. */
  maxUpdatedMs: number | undefined;
  /** Fields that appeared, and that changed, with the number of records. */
  readonly appeared: Map<string, number>;
  readonly changedFields: Set<string>;
  readonly database: PollDatabase;
  /** Called when events are committed. */
  readonly onEvents: (events: number) => void;
  /** Called for a fault that the poll goes on after. */
  readonly onTrouble: (error: unknown) => void;
  /** Called at places where a process may end. */
  readonly reached: Reached;
}

export type PollDatabase = Pick<Database, "pipeline" | "transaction">;

/** Tests end a process there, or let it sleep. */
export type Reached = (place: string) => void | Promise<void>;

/** The digests that were loaded. */
export function tableOf(session: PollSession): DigestTable {
  if (session.digests === undefined) throw new Error("The digests are loaded before a record is compared");
  return session.digests.table;
}

/** What is tracked of a record; "lost" where what is gone may have held it. */
export function trackedOf(
  { digests }: PollSession,
  name: RecordName,
  place: number,
): TrackedRecord | "lost" | undefined {
  if (digests === undefined) return undefined;
  if (place >= 0) return digests.table.at(place);
  if (digests.unknown.size === 0) return undefined;
  return digests.unknown.has(shardOf(name, digests.codes)) ? "lost" : undefined;
}
