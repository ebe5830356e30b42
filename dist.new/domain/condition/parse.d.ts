import type { Condition } from "./ast.ts";
/**
 * Reads a condition as people write it:
 * `status eq "completed" and (total gt 100 or not email contains "@company.com" ignoreCase)`. Paths are dotted, or a
 * list of keys: `["order id", "x"] exists`. `exists false` asks for absence. Throws `invalid_condition` with the
 * offset and what was expected there. What the tree says is checked by `readCondition`.
 */
export declare function parseCondition(text: string): Condition;
