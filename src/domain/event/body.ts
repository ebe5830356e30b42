import { isUtf8 } from "node:buffer";
import { type JsonFlaw, parseJsonSlices } from "../json/parse-slices.ts";
import { type ParsedJson, parseJsonText } from "../json/parse-text.ts";
import type { Wanted } from "../json/wanted.ts";
import { finish, SliceBudget, type Slices } from "../slices.ts";

/** The data of a body, or the reason why it cannot be read. The reason quotes nothing of the body. */
export type ParsedBody = { kind: "parsed"; data: unknown } | { kind: "unreadable"; reason: string };

/** Most nested objects and arrays, so that code which walks the data may recurse. */
const MAX_DEPTH = 64;
/** Most fields of a form. */
const MAX_FIELDS = 10_000;

/**
 * Parses JSON (`application/json`, `text/json`, `*+json`, or no content type) and forms
 * (`application/x-www-form-urlencoded`) from the exact bytes; every other content type is unreadable. Never throws.
 *
 * - The bytes must be UTF-8 without a byte order mark, whatever charset the content type claims.
 * - `__proto__` keys, and `constructor` keys whose value has a `prototype`, are refused. Of a repeated JSON key the last
 *   value wins.
 * - NUL characters in strings are kept. PostgreSQL's text and jsonb cannot store them: store the bytes.
 * - A form becomes an object of strings; a repeated field becomes an array. If its only field is `payload` and contains a
 *   JSON object or array (GitHub, Slack), the result is that JSON.
 * - An empty body becomes `{}`.
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

/** The size above which a body is parsed in slices. */
export const LARGE_BODY_BYTES = 65_536;

/**
 * As `parseBody`, in slices of some milliseconds. Of large JSON it keeps only the `wanted` part. A small body is parsed in
 * one slice.
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
  const mediaType = mediaTypeOf(contentType);
  const isForm = mediaType === "application/x-www-form-urlencoded";
  if (!isForm && mediaType !== "" && !JSON_TYPE.test(mediaType)) {
    return unreadable(
      `The content type ${JSON.stringify(mediaType.slice(0, 100))} is neither JSON nor a form`,
    );
  }
  if (!isUtf8(body)) return unreadable("The body is not valid UTF-8");
  return isForm ? yield* parseForm(body) : yield* parseJson(body, wanted);
}

/** Returns the media type in lower case, without parameters. Empty if there is none. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

const JSON_TYPE = /^(?:application\/json|text\/json|[^/]+\/[^/]+\+json)$/;

const BYTE_ORDER_MARK = Buffer.from("\ufeff");

function* parseJson(body: Buffer, wanted: Wanted | undefined): Slices<ParsedBody> {
  // secure-json-parse silently drops a byte order mark; JSON must not begin with one (RFC 8259, section 8.1).
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

const FORBIDDEN_KEY = "The body has a forbidden key: __proto__, or constructor with a prototype";

const FLAWS: Readonly<Record<JsonFlaw, string>> = {
  invalid: "The body is not valid JSON",
  forbidden_key: FORBIDDEN_KEY,
  too_deep: `The body nests deeper than ${MAX_DEPTH} levels`,
};

/** Counts brackets outside strings, so that deep nesting is refused before the body is parsed. */
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

/** Returns the index of the quote that ends the string at `start`, or the end of the text. */
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
    if (pairs > MAX_FIELDS) return unreadable(`The form has more than ${MAX_FIELDS} fields`);
    const to = indexOfByte(body, AMPERSAND, from);
    const equals = body.subarray(from, to).indexOf(EQUALS);
    const nameEnd = equals === -1 ? to : from + equals;
    if (to > from) {
      const name = yield* decodeField(body.subarray(from, nameEnd), budget);
      const value = yield* decodeField(body.subarray(Math.min(to, nameEnd + 1), to), budget);
      if (name === undefined || value === undefined) return unreadable("The form has a malformed %-escape");
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

/** Returns the index of the next such byte, or the end. */
function indexOfByte(body: Buffer, byte: number, from: number): number {
  const index = body.indexOf(byte, from);
  return index === -1 ? body.length : index;
}

/** Bytes of a form decoded at a time. */
const PIECE_BYTES = 65_536;

/** Decodes a name or value of a form; undefined if its escapes are malformed or not UTF-8. */
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

/** Returns an end for the piece that does not cut a character. A character takes up to four escapes of three bytes. */
function endOfPiece(bytes: Buffer, from: number): number {
  const until = from + PIECE_BYTES;
  if (until >= bytes.length) return bytes.length;
  let end = until;
  const escaped = bytes.subarray(until - 2, until).lastIndexOf(PERCENT);
  if (escaped !== -1) end = until - 2 + escaped;
  while (end > from && isContinued(bytes, end)) end -= bytes[end] === PERCENT ? 3 : 1;
  return end > from ? end : until;
}

/** Whether the byte or escape at `index` continues a UTF-8 character. */
function isContinued(bytes: Buffer, index: number): boolean {
  const byte = bytes[index] as number;
  const value = byte === PERCENT ? Number.parseInt(bytes.toString("latin1", index + 1, index + 3), 16) : byte;
  return (value & 0xc0) === 0x80;
}

const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;

function unreadable(reason: string): ParsedBody {
  return { kind: "unreadable", reason };
}
