import { expect, test } from "vitest";
import { isIndexed } from "./is-indexed.ts";
import { parseCondition } from "./parse.ts";

test.each([
  ['status eq "x"', true],
  ['status neq "x"', true],
  ["a changed", true],
  ["a exists false", false],
  ["not a exists false", true],
  ["not a exists", false],
  ["not a eq 1", false],
  ["not a eq 1 and b exists", true],
  ["not a eq 1 or b exists", false],
  ["not (a eq 1 or b exists false)", true],
  ["not (a eq 1 and b exists false)", false],
  ["not not a eq 1", true],
])("isIndexed of %s is %s", (text, expected) => {
  expect(isIndexed(parseCondition(text))).toBe(expected);
});

test("isIndexed of a trigger without a condition is true", () => {
  expect(isIndexed(undefined)).toBe(true);
});
