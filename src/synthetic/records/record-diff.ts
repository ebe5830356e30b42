import { type Canonicalize, canonicalizer, MAX_DEPTH } from "./canonical-json.ts";
import { type Fields, fieldsOf } from "./record-fields.ts";
import { childPointer, type FieldRule, fieldRules, type RecordOptions } from "./record-options.ts";

/** One field that changed: without `from` it is new, without `to` it is gone. */
export interface Change {
  from?: unknown;
  to?: unknown;
  /** The values are too large to be shown, or were not kept. */
  truncated?: true;
}

/** The fields that changed, by JSON pointer. */
export interface RecordDiff {
  changes: Record<string, Change>;
  /** How many changes more there are than `changes` holds. */
  omitted: number;
}

/** What bounds a diff. Lengths are in characters of JSON, `from` and `to` together. */
export interface DiffBounds {
  maxChanges: number;
  maxChangeLength: number;
  maxTotalLength: number;
}

export const DIFF_BOUNDS: DiffBounds = { maxChanges: 256, maxChangeLength: 16_384, maxTotalLength: 262_144 };

/** The fields in which two records differ. Both have a canonical form: their digests were made. */
export type DiffRecords = (from: unknown, to: unknown) => RecordDiff;

/**
 * Makes a differ that finds a change exactly where digests under the same options differ. Objects are compared by
 * key, and keyed arrays by what names their elements, which stands in the pointer (`/items/42/qty`); ordered arrays
 * by index while their lengths are equal, else as one value, as sets are.
 */
export function recordDiffer(options: RecordOptions, bounds = DIFF_BOUNDS): DiffRecords {
  const rules = fieldRules(options);
  const nullEqualsMissing = options.nullEqualsMissing === true;
  const canonicalize = canonicalizer({ nullEqualsMissing });
  return (from, to) => {
    const found = findings(bounds);
    compare({ nullEqualsMissing, canonicalize, found }, { pointer: "", rule: rules, depth: 0 }, from, to);
    return found.diff;
  };
}

interface Context {
  nullEqualsMissing: boolean;
  canonicalize: Canonicalize;
  found: Findings;
}

interface Place {
  pointer: string;
  rule: FieldRule | undefined;
  depth: number;
}

function compare(context: Context, place: Place, from: unknown, to: unknown): void {
  if (from === to) return;
  const left = fieldsOf(from, place.rule);
  const right = fieldsOf(to, place.rule);
  const alike =
    left?.kind === right?.kind && (left?.kind !== "list" || left.values.size === right?.values.size);
  if (left !== undefined && right !== undefined && alike && place.depth < MAX_DEPTH) {
    compareFields(context, place, left, right);
    return;
  }
  const scalars = left === undefined && right === undefined && !Array.isArray(from) && !Array.isArray(to);
  if (scalars || context.canonicalize(from, place.rule) !== context.canonicalize(to, place.rule)) {
    context.found.add(place.pointer, { from, to });
  }
}

function compareFields(context: Context, place: Place, left: Fields, right: Fields): void {
  const absent = (fields: Fields, key: string) =>
    !fields.values.has(key) ||
    (context.nullEqualsMissing && fields.kind === "object" && fields.values.get(key) === null);
  const keys = new Set([...left.values.keys(), ...right.values.keys()]);
  for (const key of keys) {
    const rule = left.ruleOf(key);
    if (rule?.ignored === true) continue;
    const pointer = childPointer(place.pointer, key);
    const [from, to] = [left.values.get(key), right.values.get(key)];
    const [come, gone] = [absent(left, key), absent(right, key)];
    if (!come && !gone) compare(context, { pointer, rule, depth: place.depth + 1 }, from, to);
    else if (come !== gone) context.found.add(pointer, come ? { to } : { from });
  }
}

interface Findings {
  diff: RecordDiff;
  add(pointer: string, change: Change): void;
}

function findings(bounds: DiffBounds): Findings {
  // A pointer may be any name: on an object with a prototype "/__proto__" is fine, since each begins with a slash.
  const diff: RecordDiff = { changes: {}, omitted: 0 };
  let count = 0;
  let total = 0;
  return {
    diff,
    add(pointer, change) {
      if (count === bounds.maxChanges) {
        diff.omitted += 1;
        return;
      }
      count += 1;
      const length = JSON.stringify(change).length;
      const fits = length <= bounds.maxChangeLength && total + length <= bounds.maxTotalLength;
      if (fits) total += length;
      diff.changes[pointer] = fits ? change : { truncated: true };
    },
  };
}
