/** A record of the fake API, identified by `id`. Every change advances `updated_at`. */
export type FakeRecord = { id: number | string; updated_at?: string } & Record<string, unknown>;

/** Records in an order that inserts and deletes shift, like those of a real API. */
export interface FakeCollection {
  /** Returns the records in order. Change them only with the functions below. */
  all(): FakeRecord[];
  /** Adds a record at the head, like lists with the newest first, or at the tail. */
  insert(record: FakeRecord, where?: "head" | "tail"): void;
  /** Sets fields of a record and its `updated_at`; false if there is no such record. */
  update(id: FakeRecord["id"], fields: Record<string, unknown>): boolean;
  delete(id: FakeRecord["id"]): boolean;
  clear(): void;
  /** Raised by every change. */
  readonly changes: number;
  /** Returns at most `size` records from a position on. */
  from(start: { index: number } | { after: number }, size: number): FakeSlice;
}

/** Consecutive records of a collection. */
export interface FakeSlice {
  records: FakeRecord[];
  /** Index of the first record in the whole order. */
  index: number;
  /** The position of the last record for `after`, valid even after its deletion. Undefined at the end. */
  next: number | undefined;
}

/** Returns a collection of the records in `seed`. */
export function createCollection(seed: readonly FakeRecord[], nowMs: () => number): FakeCollection {
  let entries = seed.map((record, at) => ({ at, record }));
  let changes = 0;
  const find = (id: FakeRecord["id"]) => entries.findIndex(({ record }) => record.id === id);
  return {
    all: () => entries.map(({ record }) => record),
    insert(record, where = "tail") {
      changes += 1;
      if (where === "head") entries.unshift({ at: (entries[0]?.at ?? 0) - 1, record });
      else entries.push({ at: (entries.at(-1)?.at ?? -1) + 1, record });
    },
    update(id, fields) {
      const entry = entries[find(id)];
      if (entry === undefined) return false;
      changes += 1;
      entry.record = { ...entry.record, ...fields, updated_at: new Date(nowMs()).toISOString() };
      return true;
    },
    delete(id) {
      const index = find(id);
      if (index === -1) return false;
      changes += 1;
      entries.splice(index, 1);
      return true;
    },
    clear() {
      changes += 1;
      entries = [];
    },
    get changes() {
      return changes;
    },
    from(start, size) {
      const after = "after" in start ? entries.findIndex(({ at }) => at > start.after) : start.index;
      const index = after === -1 ? entries.length : after;
      const slice = entries.slice(index, index + size);
      const hasMore = index + slice.length < entries.length;
      return {
        records: slice.map(({ record }) => record),
        index,
        next: hasMore ? slice.at(-1)?.at : undefined,
      };
    },
  };
}
