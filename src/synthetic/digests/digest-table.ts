import type { TrackedRecord } from "../records/record-change.ts";
import { NAME_BYTES, type RecordName } from "../records/record-name.ts";
import { DIGEST_BYTES } from "./digest-shard.ts";

/**
 * The tracked records of one source during a poll, by name. Takes about 60 bytes per record; a Map would take several
 * hundred. Records have indexes in order of arrival and are never removed.
 */
export interface DigestTable {
  readonly size: number;
  /** Records that are not deleted. */
  readonly live: number;
  /** Returns the index of a record; -1 for none. */
  find(name: RecordName): number;
  /** Returns the index of a record by its short name; -1 for none. */
  findShort(short: number): number;
  at(index: number): TrackedRecord;
  nameAt(index: number): RecordName;
  /** Whether the record has this digest and no other state. */
  isUnchanged(index: number, digest: Buffer): boolean;
  /** Stores a record and returns its index. */
  set(name: RecordName, tracked: TrackedRecord): number;
  /** Marks a record as seen. Returns whether it was seen before. */
  see(index: number): boolean;
  /** Returns the provider's `updated_at` of a record that was seen, Unix ms. */
  updatedAt(index: number): number | undefined;
  setUpdatedAt(index: number, ms: number | undefined): void;
  /** Yields the indexes of records that were not seen. */
  unseen(): Generator<number>;
}

const ROW_BYTES = NAME_BYTES + DIGEST_BYTES;
const ROWS = 16_384;
const SEEN = 1;
const DELETED = 2;
const EXTRA = 4;

/** Returns bits 32 to 80 of a name. Two of a million short names collide in one of 500 sources. */
export function shortName(name: RecordName): number {
  return name.readUIntLE(4, 6);
}

/** Returns an empty table. */
export function createDigestTable(): DigestTable {
  const rows: Buffer[] = [];
  const flags: Uint8Array[] = [];
  const updated: (Float64Array | undefined)[] = [];
  const extras = new Map<number, TrackedRecord>();
  let slots = new Int32Array(1_024);
  let size = 0;
  let deleted = 0;

  const row = (index: number) => rows[Math.floor(index / ROWS)] as Buffer;
  const offset = (index: number) => (index % ROWS) * ROW_BYTES;
  const flag = (index: number) => (flags[Math.floor(index / ROWS)] as Uint8Array)[index % ROWS] as number;
  function setFlag(index: number, value: number): void {
    (flags[Math.floor(index / ROWS)] as Uint8Array)[index % ROWS] = value;
  }

  /** Returns the slot of the record with this short name that `fits`, or the free slot for it. */
  function slotOf(low: number, fits: (index: number) => boolean): number {
    const mask = slots.length - 1;
    let slot = low & mask;
    for (;;) {
      const index = (slots[slot] as number) - 1;
      if (index < 0 || fits(index)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function slotOfName(name: RecordName): number {
    return slotOf(name.readUInt32LE(4), (index) => {
      const at = offset(index);
      return hasBytes(row(index), at, name);
    });
  }

  function grow(): void {
    slots = new Int32Array(slots.length * 2);
    for (let index = 0; index < size; index += 1) {
      slots[slotOf(row(index).readUInt32LE(offset(index) + 4), () => false)] = index + 1;
    }
  }

  return {
    get size() {
      return size;
    },
    get live() {
      return size - deleted;
    },
    find: (name) => (slots[slotOfName(name)] as number) - 1,
    findShort(short) {
      const slot = slotOf(short % 2 ** 32, (index) => row(index).readUIntLE(offset(index) + 4, 6) === short);
      return (slots[slot] as number) - 1;
    },
    at(index) {
      const extra = extras.get(index);
      if (extra !== undefined) return extra;
      const at = offset(index) + NAME_BYTES;
      return { digest: row(index).subarray(at, at + DIGEST_BYTES), missing: 0, deleted: false };
    },
    nameAt(index) {
      return row(index).subarray(offset(index), offset(index) + NAME_BYTES);
    },
    isUnchanged(index, digest) {
      if ((flag(index) & EXTRA) !== 0) return false;
      const at = offset(index) + NAME_BYTES;
      return hasBytes(row(index), at, digest);
    },
    set(name, tracked) {
      let slot = slotOfName(name);
      let index = (slots[slot] as number) - 1;
      if (index < 0) {
        if (size * 2 >= slots.length) {
          grow();
          slot = slotOfName(name);
        }
        index = size;
        size += 1;
        if (index % ROWS === 0) {
          rows.push(Buffer.allocUnsafeSlow(ROWS * ROW_BYTES));
          flags.push(new Uint8Array(ROWS));
          updated.push(undefined);
        }
        slots[slot] = index + 1;
        name.copy(row(index), offset(index), 0, NAME_BYTES);
      } else if ((flag(index) & DELETED) !== 0) {
        deleted -= 1;
      }
      tracked.digest.copy(row(index), offset(index) + NAME_BYTES);
      const { missing, missingSinceMs, touchedAtMs } = tracked;
      const extra =
        tracked.deleted || missing > 0 || missingSinceMs !== undefined || touchedAtMs !== undefined;
      if (extra) {
        // A copy, since the original would keep its whole shard or page in memory.
        extras.set(index, { ...tracked, digest: Buffer.from(tracked.digest) });
      } else {
        extras.delete(index);
      }
      if (tracked.deleted) deleted += 1;
      const seen = flag(index) & SEEN;
      setFlag(index, seen | (tracked.deleted ? DELETED : 0) | (extra ? EXTRA : 0));
      return index;
    },
    see(index) {
      const before = flag(index);
      setFlag(index, before | SEEN);
      return (before & SEEN) !== 0;
    },
    updatedAt(index) {
      const ms = updated[Math.floor(index / ROWS)]?.[index % ROWS];
      return ms === undefined || Number.isNaN(ms) ? undefined : ms;
    },
    setUpdatedAt(index, ms) {
      const chunk = Math.floor(index / ROWS);
      if (ms === undefined && updated[chunk] === undefined) return;
      updated[chunk] ??= new Float64Array(ROWS).fill(Number.NaN);
      (updated[chunk] as Float64Array)[index % ROWS] = ms ?? Number.NaN;
    },
    *unseen() {
      for (let index = 0; index < size; index += 1) {
        if ((flag(index) & SEEN) === 0) yield index;
      }
    },
  };
}

/** Compares bytes. For so few, a call of `Buffer.compare` takes several times as long. */
function hasBytes(row: Buffer, at: number, bytes: Buffer): boolean {
  for (let index = 0; index < bytes.length; index += 1) {
    if (row[at + index] !== bytes[index]) return false;
  }
  return true;
}
