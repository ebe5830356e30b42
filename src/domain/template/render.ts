import type { AttemptError } from "../flow/outcome.ts";
import { ExactNumber, writeJson } from "../json/exact-number.ts";
import type { BodyTemplate, Encoding } from "./body.ts";
import { type Placeholder, secretNameOf, type Template } from "./parse.ts";
import { type Scope, valueAt } from "./scope.ts";

export type Rendered = { kind: "rendered"; text: string } | { kind: "failed"; error: AttemptError };

/** The text of a placeholder, or a flaw: the predicate of a sentence about the placeholder. */
type Filled = { text: string } | { flaw: string };

/**
 * Renders a URL with percent-encoded values, so that no value can add a segment, a parameter or a host. An empty value in
 * the path, or a `.` or `..` segment, is an error. Errors call the template `field`.
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
    if (/\p{Surrogate}/u.test(filled.text)) return { flaw: "contains a lone surrogate" };
    if (filled.text === "" && inPath && !part.optional) return { flaw: "is empty" };
    return { text: encodeURIComponent(filled.text) };
  });
  if (rendered.kind === "failed" || template.length < 2) return rendered;
  const [path = ""] = rendered.text.split(/[?#]/, 1);
  if (!DOT_SEGMENT.test(path)) return rendered;
  return failed("TEMPLATE_VALUE_UNFIT", `${field} would have a segment that leads elsewhere in its path`);
}

/** RFC 3986, section 3.3. URL parsers also treat `%2e` as a dot. */
const DOT_SEGMENT = /[\\/](?:\.|%2e){1,2}(?:[\\/]|$)/i;

/** Most servers refuse longer URLs. */
const MAX_URL_LENGTH = 8_192;

/** The limit of an action's headers in total. Most servers accept 8 KiB; the rest is for Headrace's own headers. */
export const MAX_HEADER_LENGTH = 6_144;

/** Renders the value of a header. */
export function renderHeader(template: Template, scope: Scope, field: string): Rendered {
  return join(template, MAX_HEADER_LENGTH, field, (part) => {
    if (typeof part === "string") return { text: part };
    const filled = fillText(part, scope);
    return "text" in filled && FORBIDDEN_IN_HEADER.test(filled.text)
      ? { flaw: "contains a character that is not allowed in a header" }
      : filled;
  });
}

/** Characters that RFC 9110, section 5.5 does not allow, above all line ends. */
const FORBIDDEN_IN_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

/** Renders a body. Each value is encoded as its position in the body requires. */
export function renderBody(
  template: BodyTemplate,
  scope: Scope,
  field: string,
  texts: JsonTexts = NO_TEXTS,
): Rendered {
  return join(template, MAX_BODY_LENGTH, field, (part) =>
    typeof part === "string" ? { text: part } : fillEncoded(part, scope, texts),
  );
}

/** The JSON of large values, stringified in advance in slices. */
export type JsonTexts = ReadonlyMap<unknown, string>;

const NO_TEXTS: JsonTexts = new Map();

/** Several times the size of the largest event. */
const MAX_BODY_LENGTH = 26_214_400;

function fillEncoded(
  { placeholder, encoding }: { placeholder: Placeholder; encoding: Encoding },
  scope: Scope,
  texts: JsonTexts,
): Filled {
  const stringify = (one: unknown) => texts.get(one) ?? writeJson(one);
  const value = valueAt(placeholder, scope);
  if (encoding === "json") {
    if (value !== undefined) return { text: stringify(value) };
    return placeholder.optional ? { text: "null" } : MISSING;
  }
  const filled =
    typeof value === "object" && value !== null && !(value instanceof ExactNumber)
      ? { text: stringify(value) }
      : fillText(placeholder, scope);
  if ("flaw" in filled || encoding === "text") return filled;
  if (encoding === "json string") return { text: stringify(filled.text).slice(1, -1) };
  return { text: encodeURIComponent(Buffer.from(filled.text).toString()) };
}

/** Returns a string, number or boolean as text, a number with the digits that came. Null counts as missing. */
function fillText(placeholder: Placeholder, scope: Scope): Filled {
  const value = valueAt(placeholder, scope) ?? undefined;
  if (value === undefined) return placeholder.optional ? { text: "" } : MISSING;
  if (value instanceof ExactNumber) return { text: value.text };
  if (typeof value === "object") return { flaw: `is ${Array.isArray(value) ? "an array" : "an object"}` };
  return { text: String(value) };
}

const MISSING = { flaw: "is missing" };

/** Joins the filled parts, at most `maxLength` characters. Errors never contain a value. */
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
      `${field} needs the secret ${secret}, which does not exist or cannot be decrypted`,
    );
  }
  const code = flaw === MISSING.flaw ? "TEMPLATE_VALUE_MISSING" : "TEMPLATE_VALUE_UNFIT";
  return failed(code, `${field} takes {{${placeholder.path}}}, which ${flaw}`);
}

function failed(code: string, message: string): Rendered {
  return { kind: "failed", error: { code, message } };
}
