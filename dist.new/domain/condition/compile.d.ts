import type { Condition } from "./ast.ts";
/** What a condition is asked about. */
export interface ConditionSubject {
    data: unknown;
    /** What `$event.` reaches. */
    event: Record<string, unknown>;
    /** What `$headers.` reaches. */
    headers: Record<string, string>;
    /** The field diff of a synthetic event, by JSON pointer: what `$changes.` and the changed operators reach. */
    changes?: Record<string, {
        from?: unknown;
        to?: unknown;
    }>;
}
export type Predicate = (subject: ConditionSubject) => boolean;
/**
 * Makes a predicate of a checked condition. It never throws, and reads own properties only. Values are equal when
 * they have one type and are the same; no condition holds a number that a double cannot hold exactly, so that an
 * event's number beyond those equals none.
 */
export declare function compileCondition(condition: Condition): Predicate;
/** What a path reaches: the event's data, or one of the roots that begin with a dollar sign. */
export declare function valuesOf(keys: readonly string[]): (subject: ConditionSubject) => unknown[];
/** Milliseconds of an RFC 3339 time with a zone; undefined for anything else. */
export declare function instantMs(text: string): number | undefined;
