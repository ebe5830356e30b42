import type { Condition } from "./ast.ts";
/** The bounds of one condition, at registration. */
export declare const CONDITION_LIMITS: {
    readonly depth: 8;
    readonly leaves: 64;
    readonly listValues: 1000;
    readonly needleCharacters: 256;
    readonly treeBytes: 16384;
    readonly pathKeys: 32;
    readonly keyCharacters: 256;
};
/**
 * Reads a condition from outside: text, or a tree. Answers it in its one form (paths as text where text can show
 * them, no group of one, no `exists: true`). Throws `invalid_condition` naming the place in the tree, or the offset
 * in the text, what is there and what was expected.
 */
export declare function readCondition(value: unknown): Condition;
