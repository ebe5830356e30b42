/** The body of an event as data, or why it cannot be read. The reason quotes nothing of the body. */
export type ParsedBody = {
    kind: "parsed";
    data: unknown;
} | {
    kind: "unreadable";
    reason: string;
};
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
export declare function parseBody({ contentType, body, }: {
    contentType: string | undefined;
    body: Buffer;
}): ParsedBody;
