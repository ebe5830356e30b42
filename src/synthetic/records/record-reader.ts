import { hash } from "node:crypto";
import { pathKeys } from "../../domain/condition/path.ts";
import { canonicalizer, NotCanonicalError, valueAtKeys } from "./canonical-json.ts";
import { recordHash } from "./record-hash.ts";
import { nameOf } from "./record-number.ts";
import { fieldRules, hashVersion, type RecordOptions } from "./record-options.ts";

/** The comparable form of a record, or the reason why there is none. The reason contains no record data. */
export type RecordReading =
  | {
      kind: "record";
      /** Identifies the record within its entity. Typed, so that 1 and "1" differ. At most 512 characters. */
      key: string;
      /** The id as users know it; several ids as a JSON array. */
      subject: string;
      /** SHA-256 of the canonical form. */
      digest: Buffer;
    }
  | { kind: "unreadable"; reason: string };

/** Reads the records of one entity type. */
export interface RecordReader {
  /** Digests and keys of two versions cannot be compared. */
  version: string;
  read(record: unknown): RecordReading;
}

/** Returns a reader. Throws `invalid_request` for invalid options. */
export function recordReader(options: RecordOptions): RecordReader {
  const canonicalize = canonicalizer({
    rules: fieldRules(options),
    nullEqualsMissing: options.nullEqualsMissing === true,
  });
  const idPaths = typeof options.id === "string" ? [options.id] : options.id;
  const idKeys = idPaths.map(pathKeys);
  return {
    version: hashVersion(options),
    read(record) {
      const ids = idKeys.map((keys) => nameOf(valueAtKeys(record, keys)));
      const missing = ids.findIndex((id) => !isId(id));
      if (missing !== -1) {
        return unreadable(
          `Its id at ${idPaths[missing]} is ${kindOf(ids[missing])} instead of a string or number`,
        );
      }
      try {
        const digest = recordHash(canonicalize(record));
        return { kind: "record", key: keyOf(ids), subject: subjectOf(ids), digest };
      } catch (error) {
        if (error instanceof NotCanonicalError) return unreadable(error.message);
        throw error;
      }
    },
  };
}

/** Returns a fingerprint of a page. Equal fingerprints mean equal records under the same hash version. */
export function pageFingerprint(body: Buffer, version: string): Buffer {
  return hash("sha256", `${version}:${hash("sha256", body)}`, "buffer");
}

const MAX_KEY_LENGTH = 512;

/** JSON preserves the types and ends of the ids. No JSON begins with `#`. */
function keyOf(ids: readonly unknown[]): string {
  const key = JSON.stringify(ids.length === 1 ? ids[0] : ids);
  return key.length <= MAX_KEY_LENGTH ? key : `#${hash("sha256", key)}`;
}

function subjectOf(ids: readonly unknown[]): string {
  return ids.length === 1 ? String(ids[0]) : JSON.stringify(ids);
}

function isId(id: unknown): boolean {
  return typeof id === "string" || Number.isFinite(id);
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return Array.isArray(value) ? "an array" : `of type ${typeof value}`;
}

function unreadable(reason: string): RecordReading {
  return { kind: "unreadable", reason };
}
