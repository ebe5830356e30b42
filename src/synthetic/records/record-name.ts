import { recordHash } from "./record-hash.ts";

/** The first half of the SHA-256 of a record's key, used where the key itself would be too long. */
export type RecordName = Buffer;

/** Length of a record name. */
export const NAME_BYTES = 16;

/** Returns the name of a record. It shares memory with other hashes: see `recordHash`. */
export function recordName(key: string): RecordName {
  return recordHash(key).subarray(0, NAME_BYTES);
}

/** Deepest level at which shards split, in bits of the name. */
export const MAX_SHARD_BITS = 24;

/** The root of the shard tree, which contains all records. */
export const ROOT_SHARD = 1;

/**
 * Returns the code of the shard that contains a record. Shards are the leaves of a binary tree over the bits of
 * names. A code is a one followed by the bits that all names in the shard begin with.
 */
export function shardOf(name: RecordName, codes: ReadonlySet<number>): number {
  const bits = name.readUInt32BE(0);
  for (let length = 0; length <= MAX_SHARD_BITS; length += 1) {
    const code = length === 0 ? ROOT_SHARD : ((1 << length) | (bits >>> (32 - length))) >>> 0;
    if (codes.has(code)) return code;
  }
  throw new Error("No shard holds the record: the codes are not those of a tree");
}

/** Whether a name goes to the right half when the shard splits. */
export function inRightHalf(name: RecordName, code: number): boolean {
  const length = 31 - Math.clz32(code);
  return ((name.readUInt32BE(0) >>> (31 - length)) & 1) === 1;
}
