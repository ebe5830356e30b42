import { hash } from "node:crypto";
import { canonicalizer } from "../records/canonical-json.ts";
import { fieldsOf } from "../records/record-fields.ts";
import { childPointer, type FieldRule, fieldRules, type RecordOptions } from "../records/record-options.ts";

/** 48 bits of the SHA-256 of each field's canonical form, by JSON pointer: enough to detect a change. */
export type FieldDigests = Record<string, string>;

/** A record with more fields is digested as one field. */
const MAX_FIELDS = 1_024;
/** Stands for the digest of an empty object or keyed array. */
const EMPTY = "{}";

/**
 * Returns a function that digests the fields of a record with a canonical form. It descends into objects and keyed
 * arrays; every other array is one field.
 */
export function fieldDigester(options: RecordOptions): (record: unknown) => FieldDigests {
  const nullEqualsMissing = options.nullEqualsMissing === true;
  const rules = fieldRules(options);
  const canonicalize = canonicalizer({ nullEqualsMissing });
  const digest = (value: unknown, rule: FieldRule | undefined) =>
    hash("sha256", canonicalize(value, rule), "base64url").slice(0, 8);

  function collect(value: unknown, rule: FieldRule | undefined, pointer: string, into: [string, string][]) {
    if (into.length > MAX_FIELDS) return;
    const fields = fieldsOf(value, rule);
    if (fields === undefined || fields.kind === "list") {
      into.push([pointer, digest(value, rule)]);
      return;
    }
    const before = into.length;
    for (const [key, child] of fields.values) {
      const childRule = fields.ruleOf(key);
      const absent = nullEqualsMissing && fields.kind === "object" && child === null;
      if (!absent && childRule?.ignored !== true) collect(child, childRule, childPointer(pointer, key), into);
    }
    if (into.length === before) into.push([pointer, EMPTY]);
  }

  return (record) => {
    const found: [string, string][] = [];
    collect(record, rules, "", found);
    return Object.fromEntries(found.length > MAX_FIELDS ? [["", digest(record, rules)]] : found);
  };
}

/**
 * Returns the pointers of the changed fields. Objects that became empty or non-empty are reported by their children.
 */
export function changedFields(from: FieldDigests, to: FieldDigests): string[] {
  const at = (digests: FieldDigests, pointer: string) =>
    Object.hasOwn(digests, pointer) ? digests[pointer] : undefined;
  const changed = [...new Set([...Object.keys(from), ...Object.keys(to)])].filter(
    (pointer) => at(from, pointer) !== at(to, pointer),
  );
  const holders = new Set(changed.flatMap(ancestors));
  const isHolder = (pointer: string) =>
    holders.has(pointer) &&
    [at(from, pointer), at(to, pointer)].every((digest) => digest === undefined || digest === EMPTY);
  return changed.filter((pointer) => !isHolder(pointer));
}

function ancestors(pointer: string): string[] {
  const keys = pointer.split("/");
  return keys.slice(1).map((_, index) => keys.slice(0, index + 1).join("/"));
}
