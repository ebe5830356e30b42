import { valueAt } from "../records/canonical-json.ts";
import { readJson } from "../records/read-json.ts";

/** The records of a page, or the reason why it has none. A page that was not understood is never an empty page. */
export type Page =
  | { kind: "page"; body: unknown; records: unknown[] }
  | { kind: "unreadable"; reason: string };

/** Reads a JSON page. `path` is the dotted path of the array of records, "" if the page is that array. */
export function readPage(text: string, path: string): Page {
  let body: unknown;
  try {
    body = readJson(text);
  } catch {
    const html = /^\s*<(?:!doctype|html)/i.test(text);
    return {
      kind: "unreadable",
      reason: html ? "The response is an HTML page" : "The response is not valid JSON",
    };
  }
  const records = path === "" ? body : valueAt(body, path);
  if (!Array.isArray(records)) {
    const subject = path === "" ? "The response" : `The value at ${path} in the response`;
    return { kind: "unreadable", reason: `${subject} is ${kindOf(records)} instead of an array of records` };
  }
  return { kind: "page", body, records };
}

function kindOf(value: unknown): string {
  if (value === undefined) return "missing";
  if (value === null) return "null";
  return typeof value === "object" ? "an object" : `a ${typeof value}`;
}
