import type { Placeholder, Template } from "./parse.ts";

/** The encoding of a value in a body: as JSON, within a JSON string, within a form, or as plain text. */
export type Encoding = "json" | "json string" | "form" | "text";

/** A body template in which every placeholder has its encoding. */
export type BodyTemplate = readonly (string | { placeholder: Placeholder; encoding: Encoding })[];

/** Returns the template as a body of the content type. */
export function bodyTemplateOf(template: Template, contentType: string): BodyTemplate {
  const type = contentType.toLowerCase().split(";", 1)[0]?.trim() ?? "";
  if (JSON_TYPE.test(type)) return jsonBodyTemplate(template);
  const encoding = type === "application/x-www-form-urlencoded" ? "form" : "text";
  return template.map((part) => (typeof part === "string" ? part : { placeholder: part, encoding }));
}

const JSON_TYPE = /^(?:application|text)\/(?:[\w.-]+\+)?json$/;

/**
 * Chooses the encodings of a JSON body. A placeholder outside of strings is a JSON value. One that fills a whole string is
 * too: the quotes are dropped and the value keeps its type. Elsewhere in a string, and as a field name, it is text.
 */
function jsonBodyTemplate(template: Template): BodyTemplate {
  const body: (string | { placeholder: Placeholder; encoding: Encoding })[] = [];
  let open: number | undefined;
  let dropsQuote = false;
  template.forEach((part, index) => {
    if (typeof part === "string") {
      const text = dropsQuote ? part.slice(1) : part;
      dropsQuote = false;
      open = openString(text, open !== undefined);
      body.push(text);
      return;
    }
    const [before, after] = [body.at(-1), template[index + 1]];
    dropsQuote = typeof before === "string" && open === before.length - 1 && WHOLE.test(String(after));
    if (dropsQuote) {
      body[body.length - 1] = (before as string).slice(0, -1);
      open = undefined;
    }
    body.push({ placeholder: part, encoding: open === undefined ? "json" : "json string" });
    if (open !== undefined) open = IN_AN_EARLIER_PART;
  });
  return body;
}

/** The text after a placeholder that fills a whole string, unless the string is a field name. */
const WHOLE = /^"(?!\s*:)/;

const IN_AN_EARLIER_PART = -1;

/** Returns the index of the quote of the string that is open at the end of the text; undefined if none is. */
function openString(text: string, inString: boolean): number | undefined {
  let open = inString ? IN_AN_EARLIER_PART : undefined;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') open = open === undefined ? at : undefined;
  }
  return open;
}

/** Returns the reason why a JSON body is invalid whatever its values are; undefined if it is valid or not JSON. */
export function flawOfBody(body: BodyTemplate): string | undefined {
  if (!body.some((part) => typeof part !== "string" && part.encoding.startsWith("json"))) return undefined;
  const sample = body.map((part) => {
    if (typeof part === "string") return part;
    return part.encoding === "json" ? "null" : "x";
  });
  try {
    JSON.parse(sample.join(""));
    return undefined;
  } catch (error) {
    return `would not be valid JSON when filled: ${(error as Error).message}`;
  }
}
