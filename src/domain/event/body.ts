import { isUtf8 } from "node:buffer";
import { OPEN_ARRAY, OPEN_OBJECT } from "../json/json-bytes.ts";
import { type JsonFlaw, parseJsonSlices } from "../json/parse-slices.ts";
import { parseJsonText } from "../json/parse-text.ts";
import type { Wanted } from "../json/wanted.ts";
import { finish, SliceBudget, type Slices } from "../slices.ts";
import { type FormPart, readMultipart } from "./multipart.ts";

/** The data of a body, or the reason why it cannot be read. The reason quotes nothing of the body. */
export type ParsedBody =
  /** `json` has the JSON text of all the data if the body contains it. */
  { kind: "parsed"; data: unknown; json?: Buffer } | { kind: "unreadable"; reason: string };

/** Most nested objects and arrays, so that code which walks the data may recurse. */
const MAX_DEPTH = 64;
/** Most fields of a form. */
export const MAX_FIELDS = 10_000;

/**
 * Parses JSON and forms (`application/x-www-form-urlencoded` and `multipart/form-data`) from the exact bytes. Never
 * throws.
 *
 * - JSON is read under any content type: many senders state another one, or none. A form is read as its type says,
 *   unless the body is a JSON object or array.
 * - JSON must be UTF-8, whatever charset the content type claims. A byte order mark before it is skipped.
 * - `__proto__` keys, and `constructor` keys whose value has a `prototype`, are refused. Of a repeated JSON key the last
 *   value wins.
 * - A number that JavaScript would print with other digits becomes an `ExactNumber`.
 * - NUL characters in strings are kept. PostgreSQL's text and jsonb cannot store them: store the bytes.
 * - A form becomes an object of strings; a repeated field becomes an array. If its only field is `payload` and contains a
 *   JSON object or array (GitHub, Slack), the result is that JSON.
 * - A file in a form becomes `{ filename, content_type, size_bytes }`, as does a field that is not UTF-8. A field of a
 *   JSON type becomes its JSON.
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
  if (mediaType !== FORM && mediaType !== MULTIPART) return yield* parseTyped(mediaType, body, wanted);
  if (beginsAsJson(body)) {
    const json = yield* parseJson(body, wanted);
    if (json.kind === "parsed") return json;
  }
  if (mediaType === MULTIPART) return yield* parseMultipart(body, contentType ?? "");
  return isUtf8(body) ? yield* parseForm(body) : unreadable(NOT_UTF8);
}

const FORM = "application/x-www-form-urlencoded";
const MULTIPART = "multipart/form-data";

function* parseTyped(mediaType: string, body: Buffer, wanted: Wanted | undefined): Slices<ParsedBody> {
  const json = yield* parseJson(body, wanted);
  if (json.kind === "parsed" || mediaType === "" || JSON_TYPE.test(mediaType)) return json;
  const named = `The content type ${JSON.stringify(mediaType.slice(0, 100))} is neither JSON nor a form`;
  return unreadable(`${named}, and the body cannot be read as JSON: ${json.reason}`);
}

function beginsAsJson(body: Buffer): boolean {
  let at = startOf(body);
  while (at < body.length && WHITE_SPACE.includes(body[at] as number)) at += 1;
  return body[at] === OPEN_OBJECT || body[at] === OPEN_ARRAY;
}

/** Returns the index behind a byte order mark. */
function startOf(body: Buffer): number {
  return body.subarray(0, BYTE_ORDER_MARK.length).equals(BYTE_ORDER_MARK) ? BYTE_ORDER_MARK.length : 0;
}

/** Returns the media type in lower case, without parameters. Empty if there is none. */
export function mediaTypeOf(contentType: string | undefined): string {
  return (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
}

const JSON_TYPE = /^(?:application\/json|text\/json|[^/]+\/[^/]+\+json)$/;

const BYTE_ORDER_MARK = Buffer.from("\ufeff");
const WHITE_SPACE = [0x20, 0x09, 0x0a, 0x0d];

function* parseJson(body: Buffer, wanted: Wanted | undefined): Slices<ParsedBody> {
  if (!isUtf8(body)) return unreadable(NOT_UTF8);
  const json = body.subarray(startOf(body));
  // secure-json-parse drops a mark too.
  if (startOf(json) > 0) return unreadable(FLAWS.invalid);
  const parsed =
    json.length > LARGE_BODY_BYTES
      ? yield* parseJsonSlices(json, { maxDepth: MAX_DEPTH, ...(wanted && { wanted }) })
      : parseJsonText(json.toString("utf8"), MAX_DEPTH);
  if (parsed.kind === "flawed") return unreadable(FLAWS[parsed.flaw]);
  return { kind: "parsed", data: parsed.data, json };
}

const NOT_UTF8 = "The body is not valid UTF-8";

const FORBIDDEN_KEY = "The body has a forbidden key: __proto__, or constructor with a prototype";

const FLAWS: Readonly<Record<JsonFlaw, string>> = {
  invalid: "The body is not valid JSON",
  forbidden_key: FORBIDDEN_KEY,
  too_deep: `The body nests deeper than ${MAX_DEPTH} levels`,
};

function* parseForm(body: Buffer): Slices<ParsedBody> {
  const budget = new SliceBudget();
  const fields = new Fields();
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
      fields.add(name, value);
    }
    from = to + 1;
  }
  return yield* fields.parsed();
}

/** The fields of a form, in their order. */
class Fields {
  readonly #values = new Map<string, unknown[]>();

  add(name: string, value: unknown): void {
    const values = this.#values.get(name);
    if (values === undefined) this.#values.set(name, [value]);
    else values.push(value);
  }

  *parsed(): Slices<ParsedBody> {
    const [payload, ...further] = this.#values.get("payload") ?? [];
    const isAlone = this.#values.size === 1 && further.length === 0;
    if (isAlone && typeof payload === "string" && /^\s*[{[]/.test(payload))
      return yield* parseJson(Buffer.from(payload), undefined);
    const entries = [...this.#values].map(([name, values]) => [
      name,
      values.length === 1 ? values[0] : values,
    ]);
    return { kind: "parsed", data: Object.fromEntries(entries) };
  }
}

function* parseMultipart(body: Buffer, contentType: string): Slices<ParsedBody> {
  const read = yield* readMultipart(body, { contentType, maxParts: MAX_FIELDS });
  if (read.kind === "unreadable") return read;
  const fields = new Fields();
  for (const part of read.parts) {
    if (part.name === "__proto__") return unreadable(FORBIDDEN_KEY);
    const value = yield* valueOfPart(part, body.subarray(part.from, part.to));
    if (value.kind === "unreadable") return value;
    fields.add(part.name, value.data);
  }
  return yield* fields.parsed();
}

function* valueOfPart(part: FormPart, content: Buffer): Slices<ParsedBody> {
  const { filename, mediaType } = part;
  if (filename !== undefined || !isUtf8(content)) {
    const file = { filename, content_type: mediaType, size_bytes: content.length };
    return { kind: "parsed", data: file };
  }
  if (mediaType !== undefined && JSON_TYPE.test(mediaType)) return yield* parseJson(content, undefined);
  return { kind: "parsed", data: content.toString("utf8") };
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
