import { randomUUID } from "node:crypto";
import secureJson from "secure-json-parse";
import { ExactNumber } from "./exact-number.ts";
import { type NumberAt, nextExact, type Scan } from "./find-exact.ts";
import type { JsonFlaw } from "./parse-slices.ts";

export type ParsedJson = { kind: "parsed"; data: unknown } | { kind: "flawed"; flaw: JsonFlaw };

/**
 * Parses a JSON text. Refuses `__proto__` keys, and `constructor` keys whose value has a `prototype`, and what is nested
 * deeper than `maxDepth`. A number that JavaScript would print with other digits becomes an `ExactNumber`.
 */
export function parseJsonText(text: string, maxDepth = Number.POSITIVE_INFINITY): ParsedJson {
  try {
    return { kind: "parsed", data: readExactly(text, maxDepth, (json) => secureJson.parse(json)) };
  } catch (error) {
    if (error instanceof TooDeep) return { kind: "flawed", flaw: "too_deep" };
    const forbidden = error instanceof Error && error.message.includes("forbidden prototype property");
    return { kind: "flawed", flaw: forbidden ? "forbidden_key" : "invalid" };
  }
}

/** Does the work of `JSON.parse`, with an `ExactNumber` for each number that JavaScript would print with other digits. */
export function readJson(text: string): unknown {
  return readExactly(text, Number.POSITIVE_INFINITY, JSON.parse);
}

class TooDeep extends Error {}

/**
 * Parses a text without such numbers as it is, after one scan. In another, each of them is parsed as a list of a mark and
 * its digits: a list may stand exactly where a number may, so the text is as valid as before.
 */
function readExactly(text: string, maxDepth: number, parse: (json: string) => unknown): unknown {
  const scan: Scan = { at: 0, depth: 0, maxDepth, isTooDeep: false };
  const found: NumberAt[] = [];
  for (let one = nextExact(text, scan); one !== undefined; one = nextExact(text, scan)) found.push(one);
  if (scan.isTooDeep) throw new TooDeep();
  if (found.length === 0) return parse(text);
  // Chosen after the text arrived, so the text does not hold it.
  const mark = randomUUID();
  let marked = "";
  let at = 0;
  for (const { from, to } of found) {
    marked += `${text.slice(at, from)}["${mark}","${text.slice(from, to)}"]`;
    at = to;
  }
  return unmarked(parse(marked + text.slice(at)), mark);
}

/** Puts the exact numbers in place of their lists, everywhere in the data. */
function unmarked(data: unknown, mark: string): unknown {
  const root = { data };
  const open: object[] = [root];
  for (let holder = open.pop(); holder !== undefined; holder = open.pop()) {
    const members = holder as Record<string, unknown>;
    for (const name of Object.keys(members)) {
      const value = members[name];
      if (typeof value !== "object" || value === null) continue;
      if (!Array.isArray(value) || value[0] !== mark) open.push(value);
      else members[name] = new ExactNumber(value[1]);
    }
  }
  return root.data;
}
