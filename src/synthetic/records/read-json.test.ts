import fc from "fast-check";
import { expect, test } from "vitest";
import { readJson } from "./read-json.ts";

test("integers beyond 2^53 become strings and stay distinct", () => {
  expect(readJson('{"a":9007199254740993,"b":[-9007199254740992],"c":9007199254740991}')).toEqual({
    a: "9007199254740993",
    b: ["-9007199254740992"],
    c: 9_007_199_254_740_991,
  });
  expect(readJson("12345678901234567890")).toBe("12345678901234567890");
});

test("digits within strings, fractions and exponents stay unchanged", () => {
  const text =
    '{"a":"9007199254740993, \\"9007199254740993\\": 9007199254740993 ","b":0.9007199254740993111,"c":1e20,"9007199254740993":1,"d":9007199254740993.5,"e":9007199254740993}';
  expect(readJson(text)).toEqual({ ...JSON.parse(text), e: "9007199254740993" });
});

test("all other JSON is read as JSON.parse reads it", () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      fc.pre(!/\d{16}/.test(text));
      expect(readJson(text)).toEqual(JSON.parse(text));
    }),
  );
  expect(() => readJson('{"a":9007199254740993')).toThrow(SyntaxError);
  expect(() => readJson("-09007199254740993")).toThrow(SyntaxError);
});

test("the search for large integers is linear for any input", () => {
  const startedMs = performance.now();
  expect(() => readJson(`[${"1".repeat(16)} "${"\\".repeat(2_000_000)}`)).toThrow(SyntaxError);
  expect(() => readJson(`[${"1".repeat(2_000_000)}e`)).toThrow(SyntaxError);
  expect(performance.now() - startedMs).toBeLessThan(5_000);
});
