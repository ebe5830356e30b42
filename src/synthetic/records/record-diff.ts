import { ExactNumber, writeJson } from "../../domain/json/exact-number.ts";
import { type Canonicalize, canonicalizer, MAX_DEPTH } from "./canonical-json.ts";
import { type Fields, fieldsOf } from "./record-fields.ts";
import { childPointer, type FieldRule, fieldRules, type RecordOptions } from "./record-options.ts";

/** A changed field: new without `from`, gone without `to`. */
export interface Change {
  from?: unknown;
  to?: unknown;
  /** The values are too large or were not kept. */
  truncated?: true;
}

/** The changed fields by JSON pointer. */
export interface RecordDiff {
  changes: Record<string, Change>;
  /** Number of changes that are not in `changes`. */
  omitted: number;
}

/** Bounds of a diff. Lengths are characters of JSON, `from` and `to` together. */
export interface DiffBounds {
  maxChanges: number;
  maxChangeLength: number;
  maxTotalLength: number;
}

/** The bounds of the diffs in events. */
export const DIFF_BOUNDS: DiffBounds = { maxChanges: 256, maxChangeLength: 16_384, maxTotalLength: 262_144 };

/** Returns the fields in which two records differ. Both must have a canonical form. */
export type DiffRecords = (from: unknown, to: unknown) => RecordDiff;

/**
 * Returns a differ that finds a change exactly where digests under the same options differ. Objects are compared by
 * key, keyed arrays by the names of their elements, which appear in the pointer (`/items/42/qty`). Ordered arrays of
 * equal length are compared by index; other arrays are compared as one value.
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

interface FieldAt {
  pointer: string;
  rule: FieldRule | undefined;
  depth: number;
}

function compare(context: Context, field: FieldAt, from: unknown, to: unknown): void {
  if (from === to) return;
  const left = fieldsOf(from, field.rule);
  const right = fieldsOf(to, field.rule);
  const alike =
    left?.kind === right?.kind && (left?.kind !== "list" || left.values.size === right?.values.size);
  if (left !== undefined && right !== undefined && alike && field.depth < MAX_DEPTH) {
    compareFields(context, field, left, right);
    return;
  }
  const scalars = left === undefined && right === undefined && isSimple(from) && isSimple(to);
  if (scalars || context.canonicalize(from, field.rule) !== context.canonicalize(to, field.rule)) {
    context.found.add(field.pointer, { from, to });
  }
}

/** Whether a value equals only itself: no list, and no number that may be written in another way. */
function isSimple(value: unknown): boolean {
  return !Array.isArray(value) && !(value instanceof ExactNumber);
}

function compareFields(context: Context, field: FieldAt, left: Fields, right: Fields): void {
  const absent = (fields: Fields, key: string) =>
    !fields.values.has(key) ||
    (context.nullEqualsMissing && fields.kind === "object" && fields.values.get(key) === null);
  const keys = new Set([...left.values.keys(), ...right.values.keys()]);
  for (const key of keys) {
    const rule = left.ruleOf(key);
    if (rule?.ignored === true) continue;
    const pointer = childPointer(field.pointer, key);
    const [from, to] = [left.values.get(key), right.values.get(key)];
    const [isNew, isGone] = [absent(left, key), absent(right, key)];
    if (!isNew && !isGone) compare(context, { pointer, rule, depth: field.depth + 1 }, from, to);
    else if (isNew !== isGone) context.found.add(pointer, isNew ? { to } : { from });
  }
}

interface Findings {
  diff: RecordDiff;
  add(pointer: string, change: Change): void;
}

function findings(bounds: DiffBounds): Findings {
  // Pointers start with a slash, so that even "/__proto__" is safe as a property name.
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
      const length = writeJson(change).length;
      const fits = length <= bounds.maxChangeLength && total + length <= bounds.maxTotalLength;
      if (fits) total += length;
      diff.changes[pointer] = fits ? change : { truncated: true };
    },
  };
}
