import type { AttemptError } from "../flow/outcome.ts";
import type { BodyTemplate, Place } from "./body.ts";
import { type Placeholder, secretNameOf, type Template } from "./parse.ts";
import { type Scope, valueAt } from "./scope.ts";

export type Rendered = { kind: "rendered"; text: string } | { kind: "failed"; error: AttemptError };

/** What a placeholder gives: text, or why there is none, in words that follow its name. */
type Filled = { text: string } | { flaw: string };

/**
 * A URL with its values percent-encoded, so that none of them adds a segment, a parameter or a host. `field` is what
 * an error calls it. A segment of the path that would be empty, or lead elsewhere (`..`), fails.
 */
export function renderUrl(template: Template, scope: Scope, field: string): Rendered {
  let inPath = true;
  const rendered = join(template, MAX_URL_LENGTH, field, (part) => {
    if (typeof part === "string") {
      inPath &&= !/[?#]/.test(part);
      return { text: part };
    }
    const filled = fillText(part, scope);
    if ("flaw" in filled) return filled;
    if (/\p{Surrogate}/u.test(filled.text)) return { flaw: "is no whole text" };
    if (filled.text === "" && inPath && !part.optional) return { flaw: "is empty" };
    return { text: encodeURIComponent(filled.text) };
  });
  if (rendered.kind === "failed" || template.length < 2) return rendered;
  const [path = ""] = rendered.text.split(/[?#]/, 1);
  if (!DOT_SEGMENT.test(path)) return rendered;
  return failed("TEMPLATE_VALUE_UNFIT", `${field} would have a segment that leads elsewhere in its path`);
}

/** RFC 3986, section 3.3; a URL parser takes `%2e` for a dot as well. */
const DOT_SEGMENT = /[\\/](?:\.|%2e){1,2}(?:[\\/]|$)/i;

/** Longer URLs are refused by most servers. */
const MAX_URL_LENGTH = 8_192;

/** Most servers take 8 KiB of headers; the rest is for ours. The headers of an action are no longer, all in all. */
export const MAX_HEADER_LENGTH = 6_144;

/** The value of a header. */
export function renderHeader(template: Template, scope: Scope, field: string): Rendered {
  return join(template, MAX_HEADER_LENGTH, field, (part) => {
    if (typeof part === "string") return { text: part };
    const filled = fillText(part, scope);
    return "text" in filled && UNSENDABLE.test(filled.text)
      ? { flaw: "holds a character that a header cannot" }
      : filled;
  });
}

/** All but the characters of RFC 9110, section 5.5: line ends above all. */
const UNSENDABLE = /[^\t\x20-\x7e\x80-\xff]/;

/** A body, whose values are encoded as their places ask. */
export function renderBody(
  template: BodyTemplate,
  scope: Scope,
  field: string,
  texts: JsonTexts = NO_TEXTS,
): Rendered {
  return join(template, MAX_BODY_LENGTH, field, (part) =>
    typeof part === "string" ? { text: part } : fillPlace(part, scope, texts),
  );
}

/** The JSON of values that were written before, since they take long. */
export type JsonTexts = ReadonlyMap<unknown, string>;

const NO_TEXTS: JsonTexts = new Map();

/** What an event of the largest size would need, some times over. */
const MAX_BODY_LENGTH = 26_214_400;

function fillPlace(
  { placeholder, place }: { placeholder: Placeholder; place: Place },
  scope: Scope,
  texts: JsonTexts,
): Filled {
  const stringify = (one: unknown) => texts.get(one) ?? JSON.stringify(one);
  const value = valueAt(placeholder, scope);
  if (place === "json") {
    if (value !== undefined) return { text: stringify(value) };
    return placeholder.optional ? { text: "null" } : MISSING;
  }
  const filled =
    typeof value === "object" && value !== null ? { text: stringify(value) } : fillText(placeholder, scope);
  if ("flaw" in filled || place === "text") return filled;
  if (place === "json string") return { text: stringify(filled.text).slice(1, -1) };
  return { text: encodeURIComponent(Buffer.from(filled.text).toString()) };
}

/** A string, number or boolean as text. Null is nothing to be written: it is missing. */
function fillText(placeholder: Placeholder, scope: Scope): Filled {
  const value = valueAt(placeholder, scope) ?? undefined;
  if (value === undefined) return placeholder.optional ? { text: "" } : MISSING;
  if (typeof value === "object") return { flaw: `is ${Array.isArray(value) ? "an array" : "an object"}` };
  return { text: String(value) };
}

const MISSING = { flaw: "is missing" };

/** Joins what the parts give, up to `maxLength` characters. No error holds a value. */
function join<Part extends string | Placeholder | { placeholder: Placeholder }>(
  parts: readonly Part[],
  maxLength: number,
  field: string,
  fill: (part: Part) => Filled,
): Rendered {
  let text = "";
  for (const part of parts) {
    const filled = fill(part);
    if ("flaw" in filled) return failedAt(part as Exclude<Part, string>, filled.flaw, field);
    text += filled.text;
    if (text.length > maxLength) {
      return failed("TEMPLATE_VALUE_UNFIT", `${field} would be longer than ${maxLength} characters`);
    }
  }
  return { kind: "rendered", text };
}

function failedAt(part: Placeholder | { placeholder: Placeholder }, flaw: string, field: string): Rendered {
  const placeholder = "placeholder" in part ? part.placeholder : part;
  const secret = secretNameOf(placeholder);
  if (secret !== undefined && flaw === MISSING.flaw) {
    return failed(
      "SECRET_MISSING",
      `${field} needs the secret ${secret}, which does not exist, or cannot be opened`,
    );
  }
  const code = flaw === MISSING.flaw ? "TEMPLATE_VALUE_MISSING" : "TEMPLATE_VALUE_UNFIT";
  return failed(code, `${field} takes {{${placeholder.path}}}, which ${flaw}`);
}

function failed(code: string, message: string): Rendered {
  return { kind: "failed", error: { code, message } };
}
