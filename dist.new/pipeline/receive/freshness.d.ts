import type { TimeUnit } from "./scheme.ts";
/** How far a signed time may be from now, either way, where the scheme says nothing else. */
export declare const DEFAULT_TOLERANCE_S = 300;
export type Freshness = "fresh" | "timestamp_too_old" | "timestamp_too_new";
/**
 * Judges a signed time of sending. Age counts in whole seconds, as most providers write it: with a tolerance of
 * 300 s a delivery that is 300 s old or ahead is fresh, and one of 301 s is not.
 */
export declare function judgeFreshness(timestampMs: number, nowMs: number, toleranceS?: number): Freshness;
/** A time in milliseconds since 1970, or undefined when the text is not exactly one in this unit. */
export declare function parseTimestamp(text: string, unit: TimeUnit): number | undefined;
/** Writes a time as `parseTimestamp` reads it, cut to whole units. */
export declare function formatTimestamp(timestampMs: number, unit: TimeUnit): string;
