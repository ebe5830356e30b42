import type { Placeholder, Template } from "./parse.ts";

/** How a value becomes part of a body: as JSON, within a JSON string, within a form, or as it is. */
export type Place = "json" | "json string" | "form" | "text";

/** A body in which every placeholder knows its place. */
export type BodyTemplate = readonly (string | { placeholder: Placeholder; place: Place })[];

/** The template as a body of the content type. */
export function placeBody(template: Template, contentType: string): BodyTemplate {
  const type = contentType.toLowerCase().split(";", 1)[0]?.trim() ?? "";
  if (JSON_TYPE.test(type)) return placeInJson(template);
  const place = type === "application/x-www-form-urlencoded" ? "form" : "text";
  return template.map((part) => (typeof part === "string" ? part : { placeholder: part, place }));
}

const JSON_TYPE = /^(?:application|text)\/(?:[\w.-]+\+)?json$/;

/**
 * A placeholder outside of strings is a JSON value, and so is one that is all of a string, whose quotes then go: the
 * value keeps its type. Elsewhere in a string, and as the name of a field, it is text.
 */
function placeInJson(template: Template): BodyTemplate {
  const placed: (string | { placeholder: Placeholder; place: Place })[] = [];
  let open: number | undefined;
  let dropsQuote = false;
  template.forEach((part, index) => {
    if (typeof part === "string") {
      const text = dropsQuote ? part.slice(1) : part;
      dropsQuote = false;
      open = openString(text, open !== undefined);
      placed.push(text);
      return;
    }
    const [before, after] = [placed.at(-1), template[index + 1]];
    dropsQuote = typeof before === "string" && open === before.length - 1 && WHOLE.test(String(after));
    if (dropsQuote) {
      placed[placed.length - 1] = (before as string).slice(0, -1);
      open = undefined;
    }
    placed.push({ placeholder: part, place: open === undefined ? "json" : "json string" });
    if (open !== undefined) open = IN_AN_EARLIER_PART;
  });
  return placed;
}

/** What follows a placeholder that is all of a string which is no name of a field. */
const WHOLE = /^"(?!\s*:)/;

const IN_AN_EARLIER_PART = -1;

/** Where the string begins that is open at the end of the text, if one is. */
function openString(text: string, inString: boolean): number | undefined {
  let open = inString ? IN_AN_EARLIER_PART : undefined;
  for (let at = 0; at < text.length; at += 1) {
    if (text[at] === "\\") at += 1;
    else if (text[at] === '"') open = open === undefined ? at : undefined;
  }
  return open;
}

/** Why a body with placeholders would be no JSON whatever their values are; undefined when it would, or need not be. */
export function flawOfBody(body: BodyTemplate): string | undefined {
  if (!body.some((part) => typeof part !== "string" && part.place.startsWith("json"))) return undefined;
  const sample = body.map((part) => {
    if (typeof part === "string") return part;
    return part.place === "json" ? "null" : "x";
  });
  try {
    JSON.parse(sample.join(""));
    return undefined;
  } catch (error) {
    return `would be no JSON when it is filled: ${(error as Error).message}`;
  }
}
