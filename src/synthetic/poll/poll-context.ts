import type { Database } from "../../postgres/core/database.ts";
import type { SourceName } from "../../postgres/sources/sources.ts";
import type { DigestStore } from "../digests/load-digests.ts";
import type { ChangeDetail } from "../records/change-detail.ts";
import type { PollRules } from "../records/record-change.ts";
import type { RecordReader } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import type { PollClaim } from "./poll-outcome.ts";

/** The fixed inputs of one poll. */
export interface PollContext {
  readonly claim: PollClaim;
  readonly source: PolledSource;
  /** The source's tenant and id, as PostgreSQL queries take them. */
  readonly name: SourceName;
  readonly database: PollDatabase;
  readonly store: DigestStore;
  readonly bounds: PollBounds;
  readonly reader: RecordReader;
  readonly detail: ChangeDetail;
  readonly rules: PollRules;
  /** Unix ms. */
  readonly startedAtMs: number;
  /** Called with the number of events after each commit. */
  readonly onEvents: (events: number) => void;
  /** Called for an error that the poll survives. */
  readonly onTrouble: (error: unknown) => void;
  readonly reached: Reached;
}

/** Memory and storage bounds of a poll. */
export interface PollBounds {
  /** Records per commit. */
  maxStagedRecords: number;
  /** Bytes of the records' JSON per commit. */
  maxStagedBytes: number;
  /** Records whose changes may wait for Redis during a poll. */
  maxPendingRecords: number;
  /** Records with more bytes of JSON are left out of events, and their values are not kept. */
  maxRecordBytes: number;
  /** Pages of a source that are remembered. */
  maxPages: number;
  /** Polls of a source that are kept. */
  keptPolls: number;
  /** Subjects that a hold lists. */
  holdSample: number;
  /** Webhook events that are read at once. */
  maxWebhookEvents: number;
  /** Longest time between an event's id and its commit, ms. */
  webhookOverlapMs: number;
}

/** The connections that a poll uses. */
export type PollDatabase = Pick<Database, "pipeline" | "transaction">;

/** Called at each failpoint of a poll. Tests end the process there or suspend it. */
export type Reached = (failpoint: string) => void | Promise<void>;
