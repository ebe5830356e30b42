/** A placeholder of a template: `{{event.data.order.id}}`. */
export interface Placeholder {
  /** The path as written, without the braces. */
  path: string;
  keys: readonly string[];
  /** Written with a `?` at its end: a missing value is empty. */
  optional: boolean;
}

/** Text and placeholders, in order. */
export type Template = readonly (string | Placeholder)[];

export type ParsedTemplate =
  | { kind: "parsed"; template: Template }
  /** `position` is the index of the first wrong character. */
  | { kind: "flawed"; position: number; message: string };

/** Most placeholders of one template. */
const MAX_PLACEHOLDERS = 100;

/**
 * Parses text with placeholders: a path of keys, joined by dots, in double braces. There are no expressions. A backslash
 * escapes the next character; `\{{` is two literal braces.
 */
export function parseTemplate(text: string): ParsedTemplate {
  const template: (string | Placeholder)[] = [];
  let literal = "";
  let at = 0;
  for (;;) {
    const open = text.indexOf("{{", at);
    if (open === -1) break;
    if (open > at && text[open - 1] === "\\") {
      literal += `${text.slice(at, open - 1)}{{`;
      at = open + 2;
      continue;
    }
    literal += text.slice(at, open);
    if (literal !== "") template.push(literal);
    literal = "";
    const close = text.indexOf("}}", open);
    if (close === -1) return { kind: "flawed", position: open, message: "{{ has no }}" };
    const placeholder = parsePlaceholder(text.slice(open + 2, close).trim());
    if (typeof placeholder === "string") return { kind: "flawed", position: open, message: placeholder };
    if (template.filter((part) => typeof part !== "string").length === MAX_PLACEHOLDERS) {
      const message = `there are more than ${MAX_PLACEHOLDERS} placeholders`;
      return { kind: "flawed", position: open, message };
    }
    template.push(placeholder);
    at = close + 2;
  }
  literal += text.slice(at);
  if (literal !== "") template.push(literal);
  return { kind: "parsed", template };
}

const KEY = String.raw`(?:[^\s.{}?\\]|\\.)+`;
const PLACEHOLDER = new RegExp(String.raw`^(${KEY}(?:\.${KEY})*)(\?)?$`, "u");
const KEYS = new RegExp(KEY, "gu");

/** Returns the placeholder, or an error message. */
function parsePlaceholder(inner: string): Placeholder | string {
  const [, path, mark] = PLACEHOLDER.exec(inner) ?? [];
  const shown = `{{${inner.slice(0, 100)}}}`;
  if (path === undefined) return `${shown} is no path of keys joined by dots`;
  const keys = (path.match(KEYS) ?? []).map((key) => key.replaceAll(/\\(.)/gu, "$1"));
  const flaw = flawOfKeys(keys);
  return flaw === undefined ? { path, keys, optional: mark !== undefined } : `${shown} ${flaw}`;
}

/** The fields of each root. Below those of `OPEN`, any keys may follow. */
const NAMES: Readonly<Record<string, readonly string[]>> = {
  event: [
    "id",
    "type",
    "subject",
    "source",
    "priority",
    "connector",
    "endpoint",
    "occurred_at",
    "received_at",
    "idempotency_key",
    "data",
    "headers",
    "changes",
  ],
  flow: ["id", "version"],
  run: ["id", "attempt", "idempotency_key"],
  tenant: ["id"],
  secret: [],
};
const OPEN = ["event.data", "event.headers", "event.changes"];
const REFUSED_KEYS = ["__proto__", "constructor", "prototype"];

function flawOfKeys(keys: readonly string[]): string | undefined {
  const [name = "", field, ...rest] = keys;
  if (!Object.hasOwn(NAMES, name)) return `does not begin with one of ${Object.keys(NAMES).join(", ")}`;
  if (field === undefined) return `names nothing of ${name}`;
  if (keys.some((key) => REFUSED_KEYS.includes(key))) return `must not name ${REFUSED_KEYS.join(", ")}`;
  if (name === "secret") return undefined;
  const fields = NAMES[name] as readonly string[];
  if (!fields.includes(field)) return `is none of ${fields.map((one) => `${name}.${one}`).join(", ")}`;
  if (rest.length > 0 && !OPEN.includes(`${name}.${field}`)) return `names something within ${name}.${field}`;
  return undefined;
}

/** Returns the name of the secret that a placeholder takes; undefined if it takes none. */
export function secretNameOf({ keys }: Placeholder): string | undefined {
  return keys[0] === "secret" ? keys.slice(1).join(".") : undefined;
}
