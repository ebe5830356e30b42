/** A record of the fake API. `id` names it; every change of it steps `updated_at`. */
export type FakeRecord = { id: number | string; updated_at?: string } & Record<string, unknown>;

/** Records in an order that inserts and deletes shift, as those of a real API are. */
export interface FakeCollection {
  /** In their order. Change them over the functions below only. */
  all(): FakeRecord[];
  /** Adds at the head, as lists that show the newest first do, or at the tail. */
  insert(record: FakeRecord, where?: "head" | "tail"): void;
  /** Sets fields of a record, and its `updated_at`; false when there is none. */
  update(id: FakeRecord["id"], fields: Record<string, unknown>): boolean;
  delete(id: FakeRecord["id"]): boolean;
  clear(): void;
  /** Raised by every change. */
  readonly changes: number;
  /** At most `size` records from a place on. */
  from(place: { index: number } | { after: number }, size: number): FakeSlice;
}

export interface FakeSlice {
  records: FakeRecord[];
  /** Of the first record in the whole order. */
  index: number;
  /** Names the last record for `after`, whether it is still there or not: undefined when it is the last of all. */
  next: number | undefined;
}

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
    from(place, size) {
      const after = "after" in place ? entries.findIndex(({ at }) => at > place.after) : place.index;
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
