import { hash } from "node:crypto";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";

/** The comparison options of an entity type. Pointers are RFC 6901, where `*` stands for any key or element. */
export interface RecordOptions {
  /** The dotted path, or paths, of the id. */
  id: string | readonly string[];
  /** Pointers of fields whose changes are ignored. */
  ignore?: readonly string[];
  /** Pointers of arrays in which neither order nor repetition counts. */
  sets?: readonly string[];
  /** Pointers of arrays of objects in which order does not count, with the dotted path of the elements' key. */
  keyed?: Readonly<Record<string, string>>;
  /** Whether a null property equals an absent one. */
  nullEqualsMissing?: boolean;
}

/** The options of one field and of the fields below it. */
export interface FieldRule {
  readonly ignored: boolean;
  readonly set: boolean;
  /** The dotted path of the key of this array's elements. */
  readonly keyedBy: string | undefined;
  readonly children: ReadonlyMap<string, FieldRule>;
  /** The rule of children that are not in `children`. */
  readonly others: FieldRule | undefined;
}

/**
 * Returns the options as a tree that is walked along with a record; undefined if no field has options. Throws
 * `invalid_request` that names the pointer and the error.
 */
export function fieldRules(options: RecordOptions): FieldRule | undefined {
  const settings = [
    ...(options.ignore ?? []).map((pointer) => ({ pointer, field: "ignore", rule: { ignored: true } })),
    ...(options.sets ?? []).map((pointer) => ({ pointer, field: "sets", rule: { set: true } })),
    ...Object.entries(options.keyed ?? {}).map(([pointer, keyedBy]) => ({
      pointer,
      field: "keyed",
      rule: { keyedBy },
    })),
  ];
  const details = settings.flatMap(({ pointer, field }) => flawsOfPointer(pointer, field));
  if (details.length > 0) {
    throw new HeadraceError("invalid_request", `${details[0]?.got} is not a JSON pointer`, { details });
  }
  return settings.length === 0
    ? undefined
    : ruleOf(settings.map(({ pointer, rule }) => ({ segments: pointerKeys(pointer), rule })));
}

/** Raised when the canonical form of the same record and options changes. */
const FORMAT = 1;

/**
 * Returns the version `keys.digests` of the options. If the second part differs, digests cannot be compared. If the
 * first part differs, record keys cannot be compared either.
 */
export function hashVersion({ id, ignore, sets, keyed, nullEqualsMissing }: RecordOptions): string {
  const sorted = (list: readonly string[] = []) => [...new Set(list)].sort();
  const short = (parts: unknown) => hash("sha256", JSON.stringify(parts)).slice(0, 16);
  const keyedInOrder = Object.entries(keyed ?? {}).sort(([left], [right]) => (left < right ? -1 : 1));
  const fields = [sorted(ignore), sorted(sets), keyedInOrder, nullEqualsMissing === true];
  return `${short([FORMAT, typeof id === "string" ? [id] : id])}.${short([FORMAT, fields])}`;
}

/** Returns the rule of a child by its key or index. */
export function childRule(rule: FieldRule | undefined, key: string): FieldRule | undefined {
  return rule === undefined ? undefined : (rule.children.get(key) ?? rule.others);
}

/** Returns the rule of an element. Only elements of ordered arrays have rules by index. */
export function elementRule(rule: FieldRule | undefined, index: number): FieldRule | undefined {
  const unordered = rule?.set === true || rule?.keyedBy !== undefined;
  return unordered ? rule?.others : childRule(rule, String(index));
}

/** Returns the pointer of a child of the field at `pointer`. */
export function childPointer(pointer: string, key: string): string {
  return `${pointer}/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`;
}

function pointerKeys(pointer: string): string[] {
  return pointer
    .split("/")
    .slice(1)
    .map((key) => key.replaceAll("~1", "/").replaceAll("~0", "~"));
}

const POINTER = /^(?:\/(?:[^~/]|~[01])*)+$/;
const MAX_SEGMENTS = 64;

function flawsOfPointer(pointer: string, field: string): ErrorDetail[] {
  if (POINTER.test(pointer) && pointerKeys(pointer).length <= MAX_SEGMENTS) return [];
  const expected = `a JSON pointer of 1 to ${MAX_SEGMENTS} keys, like /meta/etag or /items/*/etag`;
  return [{ field, expected, got: JSON.stringify(pointer.slice(0, 200)) }];
}

interface FieldSetting {
  segments: readonly string[];
  rule: { ignored?: boolean; set?: boolean; keyedBy?: string };
}

/**
 * Builds the rule tree. A named child also gets the options of `*`, so that a walk never follows two rules at once.
 */
function ruleOf(settings: readonly FieldSetting[]): FieldRule {
  const own = Object.assign(
    {},
    ...settings.filter(({ segments }) => segments.length === 0).map(({ rule }) => rule),
  );
  const below = settings.filter(({ segments }) => segments.length > 0);
  const under = (fits: (key: string) => boolean) =>
    ruleOf(
      below
        .filter(({ segments }) => fits(segments[0] as string))
        .map(({ segments, rule }) => ({ segments: segments.slice(1), rule })),
    );
  const keys = new Set(below.map(({ segments }) => segments[0] as string));
  const others = keys.delete("*") ? under((key) => key === "*") : undefined;
  return {
    ignored: own.ignored ?? false,
    set: own.set ?? false,
    keyedBy: own.keyedBy,
    children: new Map([...keys].map((name) => [name, under((key) => key === name || key === "*")])),
    others,
  };
}
