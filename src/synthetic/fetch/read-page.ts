import { ExactNumber } from "../../domain/json/exact-number.ts";
import { parseJsonSlices } from "../../domain/json/parse-slices.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import { SLICE_BYTES, type Slices } from "../../domain/slices.ts";
import { valueAt } from "../records/canonical-json.ts";
import type { EmptyForm } from "../sources/polled-source.ts";

/** The records of a page, or the reason why it has none. A page that was not understood is never an empty page. */
export type Page =
  | { kind: "page"; body: unknown; records: unknown[] }
  | { kind: "unreadable"; reason: string };

/** Where the records and their total are in a page, and how a page without an array says that it has none. */
export interface PageForm {
  /** The dotted path of the array of records, "" if the page is that array. */
  recordsPath: string;
  totalPath?: string | undefined;
  /** Values at `recordsPath` that mean no records, whatever the total is. */
  empty?: readonly EmptyForm[] | undefined;
}

/**
 * Reads a JSON page of UTF-8 bytes; a large one in slices. A list that is null or missing has no records if the page's
 * total is 0 or `empty` allows it, unless the page has errors.
 */
export function* readPage(bytes: Buffer, { recordsPath: path, totalPath, empty }: PageForm): Slices<Page> {
  const parsed = yield* parse(bytes);
  if (parsed === undefined) {
    const html = /^\s*<(?:!doctype|html)/i.test(bytes.toString("utf8", 0, 1_000));
    return {
      kind: "unreadable",
      reason: html ? "The response is an HTML page" : "The response is not valid JSON",
    };
  }
  const { body } = parsed;
  const records = path === "" ? body : valueAt(body, path);
  if (!Array.isArray(records)) {
    if (isEmpty(records, body, { totalPath, empty })) return { kind: "page", body, records: [] };
    const subject = path === "" ? "The response" : `The value at ${path} in the response`;
    return { kind: "unreadable", reason: `${subject} is ${kindOf(records)} instead of an array of records` };
  }
  return { kind: "page", body, records };
}

/** Returns the total in a page, as a number or as digits; undefined for none. */
export function readTotal(body: unknown, path: string | undefined): number | undefined {
  const found = path === undefined ? undefined : valueAt(body, path);
  const value = found instanceof ExactNumber ? found.plain : found;
  const number = typeof value === "string" && /^\d{1,15}$/.test(value) ? Number(value) : value;
  return Number.isSafeInteger(number) && (number as number) >= 0 ? (number as number) : undefined;
}

function isEmpty(records: unknown, body: unknown, form: Omit<PageForm, "recordsPath">): boolean {
  const kind = records === undefined ? "missing" : records === null ? "null" : undefined;
  if (kind === undefined || hasErrors(body)) return false;
  // Text and other values that are no object have no list that could be missing.
  if (kind === "missing" && (typeof body !== "object" || body === null)) return false;
  return form.empty?.includes(kind) === true || readTotal(body, form.totalPath) === 0;
}

/** Whether a page with the status of a success reports that it failed. */
function hasErrors(body: unknown): boolean {
  return ["error", "errors"].some((name) => {
    const value = valueAt(body, name);
    const isNone = value === undefined || value === null || value === false || value === "";
    return !isNone && !(Array.isArray(value) && value.length === 0);
  });
}

/** Records may be nested deeper than an event's data: each is judged by itself. */
const MAX_PAGE_DEPTH = 1_000;

function* parse(bytes: Buffer): Slices<{ body: unknown } | undefined> {
  if (bytes.length > SLICE_BYTES) {
    const parsed = yield* parseJsonSlices(bytes, { maxDepth: MAX_PAGE_DEPTH, parse: readJson });
    return parsed.kind === "parsed" ? { body: parsed.data } : undefined;
  }
  try {
    return { body: readJson(bytes.toString()) };
  } catch {
    return undefined;
  }
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
