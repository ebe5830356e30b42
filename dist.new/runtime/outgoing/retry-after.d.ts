/**
 * How long a target asks to wait, ms, from the value of its `Retry-After`: a number of seconds, or a date in one of
 * the three forms of HTTP. A date that is past is 0, more than a day is a day, and what cannot be read is undefined.
 * Source: RFC 9110, sections 10.2.3 and 5.6.7.
 */
export declare function retryAfterMs(value: string | undefined, nowMs: number): number | undefined;
