import type { RecordDecision, SeenRecord, TrackedRecord } from "../records/record-change.ts";
import type { RecordName } from "../records/record-name.ts";

/** What is to be told or kept of a record, until it is committed. */
export interface StagedRecord {
  key: string;
  name: RecordName;
  change: RecordDecision["change"];
  /** What was tracked before; undefined for nothing. */
  before: TrackedRecord | undefined;
  next: TrackedRecord;
  /** The sighting that it comes of; undefined for an absence and for a webhook. */
  seen: SeenRecord | undefined;
  /** A webhook brought it: a page that shows nothing else takes it back no more. */
  touch: boolean;
  /** What the page held, where it is told, or kept; undefined elsewhere. */
  record: unknown;
  /** JSON of it. */
  payload: Buffer | undefined;
}

/** The records that wait for the next commit, by key, in the order in which they came. */
export interface PollStage {
  readonly size: number;
  /** Bytes of their payloads. */
  readonly bytes: number;
  get(key: string): StagedRecord | undefined;
  set(staged: StagedRecord): void;
  delete(key: string): void;
  /** Takes all of them out. */
  take(): StagedRecord[];
}

export function createPollStage(): PollStage {
  let staged = new Map<string, StagedRecord>();
  let bytes = 0;
  const drop = (key: string) => {
    bytes -= staged.get(key)?.payload?.length ?? 0;
    staged.delete(key);
  };
  return {
    get size() {
      return staged.size;
    },
    get bytes() {
      return bytes;
    },
    get: (key) => staged.get(key),
    set(one) {
      drop(one.key);
      staged.set(one.key, one);
      bytes += one.payload?.length ?? 0;
    },
    delete: drop,
    take() {
      const all = [...staged.values()];
      staged = new Map();
      bytes = 0;
      return all;
    },
  };
}

/** Whether users are told of it. */
export function isTold(
  change: RecordDecision["change"],
): change is "created" | "updated" | "restored" | "deleted" {
  return change !== "none" && change !== "missing";
}
