import { ExactNumber } from "./json/exact-number.ts";

const REDACTED = "[redacted]";

/** Names of fields that contain a URL. */
const URL_FIELD = /(^|_)ur[il]$/i;

/** Names of headers and query parameters that authenticate. */
const CREDENTIAL_NAME =
  /auth|token|secret|passw|pwd|credential|cookie|signature|^sig$|session|private|^code$|^pass$|(^|[-_.])key$|api[-_]?key|access[-_]?key/i;

/** Tokens with the known prefixes of providers. */
const KNOWN_TOKEN =
  /\b(?:whsec|sk|pk|rk|ghp|gho|ghs|github_pat|glpat|xox[a-z]|hr|AKIA|ya29|eyJ)[_.-]?[\w-]{8,}/;

/** Fields whose members are named by users. */
const VALUES_BY_NAME = new Set(["headers", "query", "params"]);

const TEMPLATE = /\{\{[^}]*\}\}|\{[\w.-]+\}/g;

/**
 * Returns a definition with the credentials in its URLs and literal headers replaced by `[redacted]`. A value is a
 * credential by its name, by a known prefix, or if it looks random. Template placeholders are not credentials.
 */
export function redactCredentials(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(redactCredentials);
  if (typeof value !== "object" || value === null || value instanceof ExactNumber) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, inner]) => {
      if (typeof inner === "string" && URL_FIELD.test(name)) return [name, redactUrl(inner)];
      if (isRecord(inner) && VALUES_BY_NAME.has(name)) return [name, redactValues(inner)];
      return [name, redactCredentials(inner)];
    }),
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function redactValues(values: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(values).map(([name, value]) => [
      name,
      typeof value !== "string"
        ? redactCredentials(value)
        : URL_FIELD.test(name)
          ? redactUrl(value)
          : isCredential(name, value)
            ? REDACTED
            : value,
    ]),
  );
}

function isCredential(name: string, value: string): boolean {
  const literal = value
    .replaceAll(TEMPLATE, "")
    .replace(/^\s*(?:bearer|basic|token)\b/i, "")
    .trim();
  if (literal === "") return false;
  return CREDENTIAL_NAME.test(name) || KNOWN_TOKEN.test(literal) || isRandom(literal);
}

/** Replaces the parts of a URL one by one. The text may be a template, which a URL parser would reject. */
function redactUrl(text: string): string {
  const [, scheme = "", user = "", host = "", path = "", query = "", fragment = ""] =
    /^([a-z][a-z0-9+.-]*:\/\/)?(?:([^/?#@]*)@)?([^/?#]*)([^?#]*)(\?[^#]*)?(#.*)?$/is.exec(text) ?? [];
  const segments = path.split("/").map((segment) => (isSecretSegment(segment) ? REDACTED : segment));
  const shownUser = user === "" ? "" : `${REDACTED}@`;
  return `${scheme}${shownUser}${host}${segments.join("/")}${redactQuery(query)}${fragment === "" ? "" : `#${REDACTED}`}`;
}

function isSecretSegment(segment: string): boolean {
  const literal = segment.replaceAll(TEMPLATE, "");
  return KNOWN_TOKEN.test(literal) || isRandom(literal);
}

function redactQuery(query: string): string {
  if (query === "") return "";
  const parameters = query.slice(1).split("&");
  return `?${parameters
    .map((parameter) => {
      const [name = "", ...rest] = parameter.split("=");
      const value = rest.join("=");
      if (rest.length === 0) return isSecretSegment(name) ? REDACTED : name;
      return isCredential(name, value) ? `${name}=${REDACTED}` : parameter;
    })
    .join("&")}`;
}

/** Whether a word looks like a token: long, with letters and digits, or very long with letters of both cases. */
function isRandom(text: string): boolean {
  return text
    .split(/[\s,;:]+/)
    .some(
      (word) =>
        (word.length >= 7 &&
          /\d/.test(word) &&
          /[a-z]/i.test(word) &&
          !/^[a-z]+[-_.]?v?\d{1,4}$/i.test(word)) ||
        (word.length >= 20 && /[a-z]/.test(word) && /[A-Z]/.test(word)),
    );
}
