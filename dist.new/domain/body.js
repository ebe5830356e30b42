import { isUtf8 } from "node:buffer";
import secureJson from "secure-json-parse";
/** Objects and arrays nest no deeper: what walks the data may recurse. */
const MAX_DEPTH = 64;
/** A form holds no more fields. */
const MAX_FIELDS = 10_000;
/**
 * Reads JSON (`application/json`, `text/json`, `*+json`, or no content type) and forms
 * (`application/x-www-form-urlencoded`) from the exact bytes; every other content type is unreadable. Never throws.
 *
 * - The bytes must be UTF-8 without a byte order mark, whatever charset the content type claims.
 * - `__proto__` keys, and `constructor` keys that hold a `prototype`, are refused; of a repeated key in JSON the
 *   last holds.
 * - NUL characters in strings are kept. PostgreSQL's text and jsonb cannot hold them: store the bytes.
 * - A form is an object of strings, a repeated field an array of them. A form whose only field is `payload` and
 *   holds a JSON object or array (GitHub, Slack) is that JSON.
 * - An empty body is an event without data: `{}`.
 */
export function parseBody({ contentType, body, }) {
    if (body.length === 0)
        return { kind: "parsed", data: {} };
    const mediaType = (contentType ?? "").split(";", 1)[0]?.trim().toLowerCase() ?? "";
    const isForm = mediaType === "application/x-www-form-urlencoded";
    if (!isForm && mediaType !== "" && !JSON_TYPE.test(mediaType)) {
        return unreadable(`The content type ${JSON.stringify(mediaType.slice(0, 100))} is neither JSON nor a form`);
    }
    if (!isUtf8(body))
        return unreadable("The body is not valid UTF-8");
    const text = body.toString("utf8");
    return isForm ? parseForm(text) : parseJson(text);
}
const JSON_TYPE = /^(?:application\/json|text\/json|[^/]+\/[^/]+\+json)$/;
function parseJson(text) {
    // secure-json-parse drops a byte order mark in silence; JSON may not begin with one (RFC 8259, section 8.1).
    if (text.charCodeAt(0) === 0xfeff)
        return unreadable("The body begins with a byte order mark");
    if (nestsTooDeep(text))
        return unreadable(`The body nests deeper than ${MAX_DEPTH} levels`);
    try {
        return { kind: "parsed", data: secureJson.parse(text) };
    }
    catch (error) {
        const forbidden = error instanceof Error && error.message.includes("forbidden prototype property");
        return unreadable(forbidden ? FORBIDDEN_KEY : "The body is not valid JSON");
    }
}
const FORBIDDEN_KEY = "The body holds a forbidden key: __proto__, or constructor with a prototype";
/** Counts brackets outside strings, so that a body of brackets alone is refused before anything is built of it. */
function nestsTooDeep(json) {
    let depth = 0;
    for (let index = 0; index < json.length; index += 1) {
        const code = json.charCodeAt(index);
        if (code === QUOTE)
            index = endOfString(json, index);
        else if (code === OPEN_ARRAY || code === OPEN_OBJECT) {
            depth += 1;
            if (depth > MAX_DEPTH)
                return true;
        }
        else if (code === CLOSE_ARRAY || code === CLOSE_OBJECT)
            depth -= 1;
    }
    return false;
}
/** Where the string that begins at `start` ends; the end of the text when it does not. */
function endOfString(json, start) {
    let end = start;
    do {
        end = json.indexOf('"', end + 1);
        if (end === -1)
            return json.length;
    } while (isEscaped(json, end));
    return end;
}
function isEscaped(json, index) {
    let backslashes = 0;
    while (json.charCodeAt(index - 1 - backslashes) === BACKSLASH)
        backslashes += 1;
    return backslashes % 2 === 1;
}
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_ARRAY = 0x5b;
const CLOSE_ARRAY = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
function parseForm(text) {
    const pairs = text.split("&", MAX_FIELDS + 1);
    if (pairs.length > MAX_FIELDS)
        return unreadable(`The form holds more than ${MAX_FIELDS} fields`);
    const fields = new Map();
    for (const pair of pairs.filter((pair) => pair !== "")) {
        const end = pair.indexOf("=");
        const name = decodeField(end === -1 ? pair : pair.slice(0, end));
        const value = end === -1 ? "" : decodeField(pair.slice(end + 1));
        if (name === undefined || value === undefined)
            return unreadable("The form holds a malformed %-escape");
        if (name === "__proto__")
            return unreadable(FORBIDDEN_KEY);
        const earlier = fields.get(name);
        if (earlier === undefined)
            fields.set(name, value);
        else if (Array.isArray(earlier))
            earlier.push(value);
        else
            fields.set(name, [earlier, value]);
    }
    const payload = fields.get("payload");
    if (fields.size === 1 && typeof payload === "string" && /^\s*[{[]/.test(payload))
        return parseJson(payload);
    return { kind: "parsed", data: Object.fromEntries(fields) };
}
/** A name or value of a form as text; undefined when its escapes are not those of valid UTF-8. */
function decodeField(text) {
    try {
        return decodeURIComponent(text.replaceAll("+", " "));
    }
    catch {
        return undefined;
    }
}
function unreadable(reason) {
    return { kind: "unreadable", reason };
}
//# sourceMappingURL=body.js.map