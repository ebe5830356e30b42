import { parseJsonSlices } from "../../domain/json/parse-slices.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import { SLICE_BYTES, type Slices } from "../../domain/slices.ts";
import { valueAt } from "../records/canonical-json.ts";

/** The records of a page, or the reason why it has none. A page that was not understood is never an empty page. */
export type Page =
  | { kind: "page"; body: unknown; records: unknown[] }
  | { kind: "unreadable"; reason: string };

/**
 * Reads a JSON page of UTF-8 bytes; a large one in slices. `path` is the dotted path of the array of records, "" if the
 * page is that array.
 */
export function* readPage(bytes: Buffer, path: string): Slices<Page> {
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
    const subject = path === "" ? "The response" : `The value at ${path} in the response`;
    return { kind: "unreadable", reason: `${subject} is ${kindOf(records)} instead of an array of records` };
  }
  return { kind: "page", body, records };
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
