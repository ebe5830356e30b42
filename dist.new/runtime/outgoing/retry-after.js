/** No target puts us off for longer, ms: one day. */
const MAX_RETRY_AFTER_MS = 86_400_000;
/**
 * How long a target asks to wait, ms, from the value of its `Retry-After`: a number of seconds, or a date in one of
 * the three forms of HTTP. A date that is past is 0, more than a day is a day, and what cannot be read is undefined.
 * Source: RFC 9110, sections 10.2.3 and 5.6.7.
 */
export function retryAfterMs(value, nowMs) {
    const text = value?.trim() ?? "";
    if (/^\d+$/.test(text))
        return Math.min(Number(text) * 1_000, MAX_RETRY_AFTER_MS);
    if (!HTTP_DATE.test(text))
        return undefined;
    // The oldest form names no zone, and is in GMT as all are.
    const atMs = Date.parse(text.endsWith("GMT") ? text : `${text} GMT`);
    return Number.isNaN(atMs) ? undefined : Math.min(Math.max(atMs - nowMs, 0), MAX_RETRY_AFTER_MS);
}
const HTTP_DATE = /^(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]*,? .{10,} (?:GMT|\d{4})$/;
//# sourceMappingURL=retry-after.js.map