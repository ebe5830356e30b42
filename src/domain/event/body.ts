import { isUtf8 } from "node:buffer";
import { type JsonFlaw, parseJsonSlices } from "../json/parse-slices.ts";
import { type ParsedJson, parseJsonText } from "../json/parse-text.ts";
import type { Wanted } from "../json/wanted.ts";
import { finish, SliceBudget, type Slices } from "../slices.ts";

/** The body of an event as data, or why it cannot be read. The reason quotes nothing of the body. */
export type ParsedBody = { kind: "parsed"; data: unknown } | { kind: "unreadable"; reason: string };

/** Objects and arrays nest no deeper: what walks the data may recurse. */
const MAX_DEPTH = 64;
/** A form holds no more fields. */
const MAX_FIELDS = 10_000;

/**
 * Reads JSON (`application/json`, `text/json`, `*+json`, or no content type) and forms
 * (`application/x-www-form-urlencoded`) from the exact bytes; every other content type is unreadable. Never throws.
 *
 * - The bytes must be UTF-8 without a byte order mark, whatever charset the content type claims.
 * - `__proto__` keys, and `constructor` keys that hold a `prototype`, are refused; of a repeated key in JSON the
 *   last holds.
 * - NUL characters in strings are kept. PostgreSQL's text and jsonb cannot hold them: store the bytes.
 * - A form is an object of strings, a repeated field an array of them. A form whose only field is `payload` and
 *   holds a JSON object or array (GitHub, Slack) is that JSON.
 * - An empty body is an event without data: `{}`.
 */
export function parseBody({
  contentType,
  body,
}: {
  contentType: string | undefined;
  body: Buffer;
}): ParsedBody {
  return finish(parseBodySlices({ contentType, body }));
}

/** A longer body is parsed in slices, bytes. */
export const LARGE_BODY_BYTES = 65_536;

/**
 * As `parseBody`, in slices of some milliseconds. Of large JSON it keeps only what is `wanted`. A body that is not
 * large is parsed at once.
 */
export function* parseBodySlices({
  contentType,
  body,
  wanted,
}: {
  contentType: string | undefined;
  body: Buffer;
  wanted?: Wanted | undefined;
}): Slices<ParsedBody> {
  if (body.length === 0) return { kind: "parsed", data: {} };
  const mediaType = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
  const isForm = mediaType === "application/x-www-form-urlencoded";
  if (!isForm && mediaType !== "" && !JSON_TYPE.test(mediaType)) {
    return unreadable(
      `The content type ${JSON.stringify(mediaType.slice(0, 100))} is neither JSON nor a form`,
    );
  }
  if (!isUtf8(body)) return unreadable("The body is not valid UTF-8");
  return isForm ? yield* parseForm(body) : yield* parseJson(body, wanted);
}

const JSON_TYPE = /^(?:application\/json|text\/json|[^/]+\/[^/]+\+json)$/;

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

function* parseJson(body: Buffer, wanted: Wanted | undefined): Slices<ParsedBody> {
  // secure-json-parse drops a byte order mark in silence; JSON may not begin with one (RFC 8259, section 8.1).
  if (body.subarray(0, 3).equals(BYTE_ORDER_MARK))
    return unreadable("The body begins with a byte order mark");
  const parsed =
    body.length > LARGE_BODY_BYTES
      ? yield* parseJsonSlices(body, { maxDepth: MAX_DEPTH, ...(wanted && { wanted }) })
      : parseSmall(body.toString("utf8"));
  return parsed.kind === "parsed" ? parsed : unreadable(FLAWS[parsed.flaw]);
}

function parseSmall(text: string): ParsedJson {
  return nestsTooDeep(text) ? { kind: "flawed", flaw: "too_deep" } : parseJsonText(text);
}

const FORBIDDEN_KEY = "The body holds a forbidden key: __proto__, or constructor with a prototype";

const FLAWS: Readonly<Record<JsonFlaw, string>> = {
  invalid: "The body is not valid JSON",
  forbidden_key: FORBIDDEN_KEY,
  too_deep: `The body nests deeper than ${MAX_DEPTH} levels`,
};

/** Counts brackets outside strings, so that a body of brackets alone is refused before anything is built of it. */
function nestsTooDeep(json: string): boolean {
  let depth = 0;
  for (let index = 0; index < json.length; index += 1) {
    const code = json.charCodeAt(index);
    if (code === QUOTE) index = endOfString(json, index);
    else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
      depth += 1;
      if (depth > MAX_DEPTH) return true;
    } else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT) depth -= 1;
  }
  return false;
}

/** Where the string that begins at `start` ends; the end of the text when it does not. */
function endOfString(json: string, start: number): number {
  let end = start;
  do {
    end = json.indexOf('"', end + 1);
    if (end === -1) return json.length;
  } while (isEscaped(json, end));
  return end;
}

function isEscaped(json: string, index: number): boolean {
  let backslashes = 0;
  while (json.charCodeAt(index - 1 - backslashes) === BACKSLASH) backslashes += 1;
  return backslashes % 2 === 1;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;

function* parseForm(body: Buffer): Slices<ParsedBody> {
  const budget = new SliceBudget();
  const fields = new Map<string, string | string[]>();
  let pairs = 0;
  for (let from = 0; from <= body.length; ) {
    pairs += 1;
    if (pairs > MAX_FIELDS) return unreadable(`The form holds more than ${MAX_FIELDS} fields`);
    const to = placeOf(body, AMPERSAND, from);
    const equals = body.subarray(from, to).indexOf(EQUALS);
    const nameEnd = equals === -1 ? to : from + equals;
    if (to > from) {
      const name = yield* decodeField(body.subarray(from, nameEnd), budget);
      const value = yield* decodeField(body.subarray(Math.min(to, nameEnd + 1), to), budget);
      if (name === undefined || value === undefined) return unreadable("The form holds a malformed %-escape");
      if (name === "__proto__") return unreadable(FORBIDDEN_KEY);
      const earlier = fields.get(name);
      if (earlier === undefined) fields.set(name, value);
      else if (Array.isArray(earlier)) earlier.push(value);
      else fields.set(name, [earlier, value]);
    }
    from = to + 1;
  }
  const payload = fields.get("payload");
  if (fields.size === 1 && typeof payload === "string" && /^\s*[{[]/.test(payload))
    return yield* parseJson(Buffer.from(payload), undefined);
  return { kind: "parsed", data: Object.fromEntries(fields) };
}

/** Where the byte stands next, or the end. */
function placeOf(body: Buffer, byte: number, from: number): number {
  const place = body.indexOf(byte, from);
  return place === -1 ? body.length : place;
}

/** Bytes of a form that are decoded together. */
const PIECE_BYTES = 65_536;

/** A name or value of a form as text; undefined when its escapes are not those of valid UTF-8. */
function* decodeField(bytes: Buffer, budget: SliceBudget): Slices<string | undefined> {
  let text = "";
  for (let from = 0; from < bytes.length; ) {
    const to = endOfPiece(bytes, from);
    try {
      text += decodeURIComponent(bytes.toString("utf8", from, to).replaceAll("+", " "));
    } catch {
      return undefined;
    }
    if (budget.spend(to - from)) yield;
    from = to;
  }
  return text;
}

/** A character is four escapes at most, of three bytes each: a piece ends before one that may go on. */
function endOfPiece(bytes: Buffer, from: number): number {
  const until = from + PIECE_BYTES;
  if (until >= bytes.length) return bytes.length;
  let end = until;
  const escaped = bytes.subarray(until - 2, until).lastIndexOf(PERCENT);
  if (escaped !== -1) end = until - 2 + escaped;
  while (end > from && isContinued(bytes, end)) end -= bytes[end] === PERCENT ? 3 : 1;
  return end > from ? end : until;
}

/** Whether the byte or escape at this place continues a character of UTF-8. */
function isContinued(bytes: Buffer, at: number): boolean {
  const byte = bytes[at] as number;
  const value = byte === PERCENT ? Number.parseInt(bytes.toString("latin1", at + 1, at + 3), 16) : byte;
  return (value & 0xc0) === 0x80;
}

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;

function unreadable(reason: string): ParsedBody {
  return { kind: "unreadable", reason };
}
