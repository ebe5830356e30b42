import { writeJson } from "./json/exact-number.ts";
import { readJson } from "./json/parse-text.ts";
/** A row before and after a change; null if it did not exist. */
export interface RowChange {
  table: string;
  from: Record<string, unknown> | null;
  to: Record<string, unknown> | null;
}

/** Changed fields by `table.path`. The values are shown unless one may be a secret or is long: then it is `changed`. */
export type Difference = Record<string, "changed" | { from: unknown; to: unknown }>;

/** Columns that every change updates. */
const DERIVED = /^(created_at|updated_at|last_used_at|source_version|credentials_version|.*key_id)$/;

/** Names of columns and fields whose values are never shown. */
const SECRET =
  /sealed|hash|secret|token|passw|authorization|api[-_]?key|credential|cookie|signature|private/i;

/** Headers whose values are shown. Any other may contain a credential. */
const SHOWN_HEADERS = new Set(["accept", "accept-language", "content-type", "user-agent"]);

/** Most fields of one difference. */
const MAX_FIELDS = 200;

/** Longer values are not shown. */
const MAX_CHARACTERS = 500;

/** Returns the changed fields without secrets: values of secret fields and headers, and tokens in URLs, are `changed`. */
export function differenceOf(changes: readonly RowChange[]): Difference {
  const difference: Difference = {};
  let fields = 0;
  for (const { table, from, to } of changes) {
    const before = flatten(from ?? {});
    const after = flatten(to ?? {});
    for (const path of new Set([...before.keys(), ...after.keys()])) {
      const [old, now] = [before.get(path), after.get(path)];
      if (old === now || DERIVED.test(path.split(".", 1)[0] ?? "")) continue;
      fields += 1;
      if (fields > MAX_FIELDS) return difference;
      difference[`${table}.${path}`] = describe(path, parse(old), parse(now));
    }
  }
  return difference;
}

/** Returns the leaves by path, as JSON. Nulls are left out, like absent fields. */
function flatten(value: unknown, path = "", leaves = new Map<string, string>()): Map<string, string> {
  if (typeof value === "object" && value !== null && Object.keys(value).length > 0) {
    for (const [name, inner] of Object.entries(value)) {
      flatten(inner, path === "" ? name : `${path}.${name}`, leaves);
    }
  } else if (value !== null && value !== undefined && path !== "") {
    leaves.set(path, writeJson(value));
  }
  return leaves;
}

function parse(text: string | undefined): unknown {
  return text === undefined ? null : readJson(text);
}

function describe(path: string, from: unknown, to: unknown): Difference[string] {
  if (SECRET.test(path) || isHiddenHeader(path)) return "changed";
  const shown = { from: redact(from), to: redact(to) };
  const isLong = writeJson(shown).length > MAX_CHARACTERS;
  return isLong || writeJson(shown.from) === writeJson(shown.to) ? "changed" : shown;
}

function isHiddenHeader(path: string): boolean {
  const header = /(?:^|\.)headers\.(.+)$/.exec(path)?.[1];
  return header !== undefined && !SHOWN_HEADERS.has(header.toLowerCase());
}

const TEXT_WITH_TOKEN = /\b(?:bearer|basic)\s+\S+|\b(?:whsec|sk|pk|ghp|xox[a-z]|hr)_[\w-]{8,}/gi;

/** Removes possible credentials from a text: the query, user and random-looking segments of a URL, and known tokens. */
function redact(value: unknown): unknown {
  if (typeof value !== "string") return value;
  const url = /^([a-z][a-z0-9+.-]*:\/\/)(?:[^/?#@]*@)?([^/?#]*)([^?#]*)(\?[^#]*)?/i.exec(value);
  if (url === null) return value.replaceAll(TEXT_WITH_TOKEN, "changed");
  const [, scheme, host, path = "", query] = url;
  const segments = path.split("/").map((part) => (isRandom(part) ? "changed" : part));
  return `${scheme}${host}${segments.join("/")}${query === undefined ? "" : "?changed"}`;
}

/** Whether a segment may be a token: long, with a digit, and not a template. Names are short or have no digits. */
function isRandom(segment: string): boolean {
  return segment.length >= 9 && /\d/.test(segment) && !segment.includes("{");
}
