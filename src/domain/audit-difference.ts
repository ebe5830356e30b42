/** A row as it was and is; null where there was or is none. */
export interface RowChange {
  table: string;
  from: Record<string, unknown> | null;
  to: Record<string, unknown> | null;
}

/** The outcome of each field that changed, by `table.path`: `changed` where a value may be a secret, or is long. */
export type Difference = Record<string, "changed" | { from: unknown; to: unknown }>;

/** Columns that follow from the change itself. */
const FOLLOWING = /^(created_at|updated_at|last_used_at|source_version|.*key_id)$/;

/** Columns and fields whose values are never shown. */
const SECRET =
  /sealed|hash|secret|token|passw|authorization|api[-_]?key|credential|cookie|signature|private/i;

/** Headers whose values are shown: any other may authenticate. */
const SHOWN_HEADERS = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/** Fields of one difference, and characters of one value that are shown. */
const MAX_FIELDS = 200;
const MAX_CHARS = 500;

/** Returns the changes without any secret: values of secret fields, headers, and tokens in URLs are `changed`. Pure. */
export function differenceOf(changes: readonly RowChange[]): Difference {
  const difference: Difference = {};
  let fields = 0;
  for (const { table, from, to } of changes) {
    const before = flatten(from ?? {});
    const after = flatten(to ?? {});
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(path), after.get(path)];
      if (old === now || FOLLOWING.test(path.split(".", 1)[0] ?? "")) continue;
      fields += 1;
      if (fields > MAX_FIELDS) return difference;
      difference[`${table}.${path}`] = describe(path, parse(old), parse(now));
    }
  }
  return difference;
}

/** Leaves by their paths, as JSON; null ones are left out, as what is not there. */
function flatten(value: unknown, path = "", leaves = new Map<string, string>()): Map<string, string> {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) {
      flatten(inner, path === "" ? name : `${path}.${name}`, leaves);
    }
  } else if (value !== null && value !== undefined && path !== "") {
    leaves.set(path, JSON.stringify(value));
  }
  return leaves;
}

function parse(text: string | undefined): unknown {
  return text === undefined ? null : JSON.parse(text);
}

function describe(path: string, from: unknown, to: unknown): Difference[string] {
  if (SECRET.test(path) || isHiddenHeader(path)) return "changed";
  const shown = { from: redact(from), to: redact(to) };
  const isLong = JSON.stringify(shown).length > MAX_CHARS;
  return isLong || JSON.stringify(shown.from) === JSON.stringify(shown.to) ? "changed" : shown;
}

function isHiddenHeader(path: string): boolean {
  const header = /(?:^|\.)headers\.(.+)$/.exec(path)?.[1];
  return header !== undefined && !SHOWN_HEADERS.has(header.toLowerCase());
}

const TEXT_WITH_TOKEN = /\b(?:bearer|basic)\s+\S+|\b(?:whsec|sk|pk|ghp|xox[a-z]|hr)_[\w-]{8,}/gi;

/** A text without what may authenticate: the query, user and random-looking parts of a URL, and known tokens. */
function redact(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const url = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#@]*@)?([^/?#]*)([^?#]*)(\?[^#]*)?/i.exec(value);
  if (url === null) return value.replaceAll(TEXT_WITH_TOKEN, "changed");
  const [, scheme, host, path = "", query] = url;
  const segments = path.split("/").map((part) => (isRandom(part) ? "changed" : part));
  return `${scheme}${host}${segments.join("/")}${query === undefined ? "" : "?changed"}`;
}

/** Long, and with a digit: names of things are short or spelt in letters. A template is neither. */
function isRandom(segment: string): boolean {
  return segment.length >= 9 && /\d/.test(segment) && !segment.includes("{");
}
