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
  at(place: number): TrackedRecord;
  nameAt(place: number): RecordName;
  /** Whether the record has this digest and no other state. */
  isUnchanged(place: number, digest: Buffer): boolean;
  /** Stores a record and returns its index. */
  set(name: RecordName, tracked: TrackedRecord): number;
  /** Marks a record as seen. Returns whether it was seen before. */
  see(place: number): boolean;
  /** Returns the provider's `updated_at` of a record that was seen, Unix ms. */
  updatedAt(place: number): number | undefined;
  setUpdatedAt(place: number, ms: number | undefined): void;
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

export function createDigestTable(): DigestTable {
  const rows: Buffer[] = [];
  const flags: Uint8Array[] = [];
  const updated: (Float64Array | undefined)[] = [];
  const extras = new Map<number, TrackedRecord>();
  let slots = new Int32Array(1_024);
  let size = 0;
  let deleted = 0;

  const row = (place: number) => rows[Math.floor(place / ROWS)] as Buffer;
  const offset = (place: number) => (place % ROWS) * ROW_BYTES;
  const flag = (place: number) => (flags[Math.floor(place / ROWS)] as Uint8Array)[place % ROWS] as number;
  function setFlag(place: number, value: number): void {
    (flags[Math.floor(place / ROWS)] as Uint8Array)[place % ROWS] = value;
  }

  /** Returns the slot of the record with this short name that `fits`, or the free slot for it. */
  function slotOf(low: number, fits: (place: number) => boolean): number {
    const mask = slots.length - 1;
    let slot = low & mask;
    for (;;) {
      const place = (slots[slot] as number) - 1;
      if (place < 0 || fits(place)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  function slotOfName(name: RecordName): number {
    return slotOf(name.readUInt32LE(4), (place) => {
      const at = offset(place);
      return hasBytes(row(place), at, name);
    });
  }

  function grow(): void {
    slots = new Int32Array(slots.length * 2);
    for (let place = 0; place < size; place += 1) {
      slots[slotOf(row(place).readUInt32LE(offset(place) + 4), () => false)] = place + 1;
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
      const slot = slotOf(short % 2 ** 32, (place) => row(place).readUIntLE(offset(place) + 4, 6) === short);
      return (slots[slot] as number) - 1;
    },
    at(place) {
      const extra = extras.get(place);
      if (extra !== undefined) return extra;
      const at = offset(place) + NAME_BYTES;
      return { digest: row(place).subarray(at, at + DIGEST_BYTES), missing: 0, deleted: false };
    },
    nameAt(place) {
      return row(place).subarray(offset(place), offset(place) + NAME_BYTES);
    },
    isUnchanged(place, digest) {
      if ((flag(place) & EXTRA) !== 0) return false;
      const at = offset(place) + NAME_BYTES;
      return hasBytes(row(place), at, digest);
    },
    set(name, tracked) {
      let slot = slotOfName(name);
      let place = (slots[slot] as number) - 1;
      if (place < 0) {
        if (size * 2 >= slots.length) {
          grow();
          slot = slotOfName(name);
        }
        place = size;
        size += 1;
        if (place % ROWS === 0) {
          rows.push(Buffer.allocUnsafeSlow(ROWS * ROW_BYTES));
          flags.push(new Uint8Array(ROWS));
          updated.push(undefined);
        }
        slots[slot] = place + 1;
        name.copy(row(place), offset(place), 0, NAME_BYTES);
      } else if ((flag(place) & DELETED) !== 0) {
        deleted -= 1;
      }
      tracked.digest.copy(row(place), offset(place) + NAME_BYTES);
      const { missing, missingSinceMs, touchedAtMs } = tracked;
      const extra =
        tracked.deleted || missing > 0 || missingSinceMs !== undefined || touchedAtMs !== undefined;
      if (extra) {
        // A copy, since the original would keep its whole shard or page in memory.
        extras.set(place, { ...tracked, digest: Buffer.from(tracked.digest) });
      } else {
        extras.delete(place);
      }
      if (tracked.deleted) deleted += 1;
      const seen = flag(place) & SEEN;
      setFlag(place, seen | (tracked.deleted ? DELETED : 0) | (extra ? EXTRA : 0));
      return place;
    },
    see(place) {
      const before = flag(place);
      setFlag(place, before | SEEN);
      return (before & SEEN) !== 0;
    },
    updatedAt(place) {
      const ms = updated[Math.floor(place / ROWS)]?.[place % ROWS];
      return ms === undefined || Number.isNaN(ms) ? undefined : ms;
    },
    setUpdatedAt(place, ms) {
      const chunk = Math.floor(place / ROWS);
      if (ms === undefined && updated[chunk] === undefined) return;
      updated[chunk] ??= new Float64Array(ROWS).fill(Number.NaN);
      (updated[chunk] as Float64Array)[place % ROWS] = ms ?? Number.NaN;
    },
    *unseen() {
      for (let place = 0; place < size; place += 1) {
        if ((flag(place) & SEEN) === 0) yield place;
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
