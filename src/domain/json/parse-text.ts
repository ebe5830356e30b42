import secureJson from "secure-json-parse";
import type { JsonFlaw } from "./parse-slices.ts";

export type ParsedJson = { kind: "parsed"; data: unknown } | { kind: "flawed"; flaw: JsonFlaw };

/** Parses a JSON text. Refuses `__proto__` keys, and `constructor` keys whose value has a `prototype`. */
export function parseJsonText(text: string): ParsedJson {
  try {
    return { kind: "parsed", data: secureJson.parse(text) };
  } catch (error) {
    const forbidden = error instanceof Error && error.message.includes("forbidden prototype property");
    return { kind: "flawed", flaw: forbidden ? "forbidden_key" : "invalid" };
  }
}
