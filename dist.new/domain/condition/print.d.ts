import type { Condition } from "./ast.ts";
/** The text of a checked condition; parsing it gives the same tree. */
export declare function printCondition(condition: Condition): string;
