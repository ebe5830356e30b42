/** The keys of a path. */
export declare function pathKeys(path: string | readonly string[]): readonly string[];
/** The one form of a path: dotted text where text can show it, an array of keys elsewhere. */
export declare function canonicalPath(keys: readonly string[]): string | string[];
/** Words that are the language's own, in any case. */
export declare function isKeyword(word: string): boolean;
/**
 * All values at the keys that are neither absent nor null, own properties only. Arrays on the way are walked through;
 * a numeric key indexes first. An array at the end is a value, and so is each of its elements.
 */
export declare function valuesAt(root: unknown, keys: readonly string[], from?: number): unknown[];
