import { deflateRawSync, inflateRawSync } from "node:zlib";
import type { TrackedRecord } from "../records/record-change.ts";

/** Tracked records with their keys, in a shard or a list of changes. */
export interface DigestShard {
  /** Whether the shard may lack records, so that a record that is not in it may not be new. */
  partial: boolean;
  records: readonly KeyedRecord[];
}

/** A tracked record with its key. */
export interface KeyedRecord {
  key: string;
  tracked: TrackedRecord;
}

/** Length of a digest. */
export const DIGEST_BYTES = 32;

const FORMAT = 1;
const HEADER_BYTES = 10;

/** The rare fields of records, by index: missing, missing since, deleted, touched at. */
type Extras = Record<string, [number, number, 0 | 1, number]>;

/**
 * Packs a shard: a header, the deflated keys and rare fields, and the plain digests. About 40 bytes per record for
 * ids of 18 characters.
 */
export function packShard({ partial, records }: DigestShard): Buffer {
  const extras: Extras = {};
  const digests = Buffer.allocUnsafe(records.length * DIGEST_BYTES);
  let keys = "";
  for (const [index, { key, tracked }] of records.entries()) {
    tracked.digest.copy(digests, index * DIGEST_BYTES);
    // Keys are JSON or a hash, so they contain no line break.
    keys += `${key}\n`;
    const { missing, missingSinceMs = 0, deleted, touchedAtMs = 0 } = tracked;
    if (missing > 0 || missingSinceMs > 0 || deleted || touchedAtMs > 0) {
      extras[index] = [missing, missingSinceMs, deleted ? 1 : 0, touchedAtMs];
    }
  }
  const text = deflateRawSync(keys + JSON.stringify(extras), { level: 1 });
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt8(FORMAT, 0);
  header.writeUInt8(partial ? 1 : 0, 1);
  header.writeUInt32LE(records.length, 2);
  header.writeUInt32LE(text.length, 6);
  return Buffer.concat([header, text, digests]);
}

/** Returns undefined for invalid content, which counts as lost. */
export function unpackShard(content: Buffer): DigestShard | undefined {
  if (content.length < HEADER_BYTES || content.readUInt8(0) !== FORMAT) return undefined;
  const count = content.readUInt32LE(2);
  const start = HEADER_BYTES + content.readUInt32LE(6);
  if (content.length !== start + count * DIGEST_BYTES) return undefined;
  try {
    const lines = inflateRawSync(content.subarray(HEADER_BYTES, start)).toString().split("\n");
    const extras = JSON.parse(lines[count] ?? "") as Extras;
    const records = lines.slice(0, count).map((key, index): KeyedRecord => {
      const at = start + index * DIGEST_BYTES;
      return { key, tracked: trackedRecord(content.subarray(at, at + DIGEST_BYTES), extras[index]) };
    });
    return { partial: content.readUInt8(1) === 1, records };
  } catch {
    return undefined;
  }
}

function trackedRecord(digest: Buffer, extra: Extras[string] | undefined): TrackedRecord {
  if (extra === undefined) return { digest, missing: 0, deleted: false };
  const [missing, missingSinceMs, deleted, touchedAtMs] = extra;
  return {
    digest,
    missing,
    deleted: deleted === 1,
    ...(missingSinceMs > 0 && { missingSinceMs }),
    ...(touchedAtMs > 0 && { touchedAtMs }),
  };
}
