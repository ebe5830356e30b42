import type { RecordDecision, SeenRecord, TrackedRecord } from "../records/record-change.ts";
import type { RecordName } from "../records/record-name.ts";

/** A record that the next commit reports or stores. */
export interface StagedRecord {
  key: string;
  name: RecordName;
  change: RecordDecision["change"];
  /** The tracked record before this poll; undefined for none. */
  before: TrackedRecord | undefined;
  next: TrackedRecord;
  /** The sighting on a page; undefined for an absence or a webhook. */
  seen: SeenRecord | undefined;
  /** Set by a webhook. A later page without a change does not remove it from the stage. */
  touch: boolean;
  /** The record, if it is reported or its values are kept. */
  record: unknown;
  /** The record's JSON. */
  payload: Buffer | undefined;
}

/** The records that wait for the next commit, by key, in order of arrival. */
export interface PollStage {
  readonly size: number;
  /** Bytes of the payloads. */
  readonly bytes: number;
  get(key: string): StagedRecord | undefined;
  set(staged: StagedRecord): void;
  delete(key: string): void;
  /** Removes and returns all records. */
  take(): StagedRecord[];
}

/** Returns an empty stage. */
export function createPollStage(): PollStage {
  let staged = new Map<string, StagedRecord>();
  let bytes = 0;
  const remove = (key: string) => {
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
    set(record) {
      remove(record.key);
      staged.set(record.key, record);
      bytes += record.payload?.length ?? 0;
    },
    delete: remove,
    take() {
      const all = [...staged.values()];
      staged = new Map();
      bytes = 0;
      return all;
    },
  };
}

/** Whether the change becomes an event. */
export function isReported(
  change: RecordDecision["change"],
): change is "created" | "updated" | "restored" | "deleted" {
  return change !== "none" && change !== "missing";
}
