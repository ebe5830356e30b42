import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { canonicalJson } from "./canonical-json.ts";

const double = (hex: string) => Buffer.from(hex, "hex").readDoubleBE();

describe("RFC 8785", () => {
  // Appendix B of the RFC.
  test.each([
    ["0000000000000000", "0"],
    ["8000000000000000", "0"],
    ["0000000000000001", "5e-324"],
    ["8000000000000001", "-5e-324"],
    ["7fefffffffffffff", "1.7976931348623157e+308"],
    ["ffefffffffffffff", "-1.7976931348623157e+308"],
    ["4340000000000000", "9007199254740992"],
    ["c340000000000000", "-9007199254740992"],
    ["4430000000000000", "295147905179352830000"],
    ["44b52d02c7e14af5", "9.999999999999997e+22"],
    ["44b52d02c7e14af6", "1e+23"],
    ["44b52d02c7e14af7", "1.0000000000000001e+23"],
    ["444b1ae4d6e2ef4e", "999999999999999700000"],
    ["444b1ae4d6e2ef4f", "999999999999999900000"],
    ["444b1ae4d6e2ef50", "1e+21"],
    ["3eb0c6f7a0b5ed8c", "9.999999999999997e-7"],
    ["3eb0c6f7a0b5ed8d", "0.000001"],
    ["41b3de4355555553", "333333333.3333332"],
    ["41b3de4355555554", "333333333.33333325"],
    ["41b3de4355555555", "333333333.3333333"],
    ["41b3de4355555556", "333333333.3333334"],
    ["41b3de4355555557", "333333333.33333343"],
    ["becbf647612f3696", "-0.0000033333333333333333"],
    ["43143ff3c1cb0959", "1424953923781206.2"],
  ])("RFC 8785 writes the double %s as %s", (hex, text) => {
    expect(canonicalJson(double(hex))).toBe(text);
  });

  test.each(["7fffffffffffffff", "7ff0000000000000", "fff0000000000000"])(
    "RFC 8785 has no form for the double %s",
    (hex) => {
      expect(() => canonicalJson(double(hex))).toThrow("not a JSON number");
    },
  );

  test("RFC 8785 orders keys by UTF-16 code units (section 3.2.3)", () => {
    const object = JSON.parse(`{
      "\\u20ac": "Euro Sign", "\\r": "Carriage Return", "\\ufb33": "Hebrew Letter Dalet With Dagesh",
      "1": "One", "\\ud83d\\ude00": "Emoji: Grinning Face", "\\u0080": "Control",
      "\\u00f6": "Latin Small Letter O With Diaeresis"
    }`);
    expect(Object.keys(JSON.parse(canonicalJson(object)))).toHaveLength(7);
    expect([...canonicalJson(object).matchAll(/"[^"]*":"([^"]*)"/g)].map((match) => match[1])).toEqual([
      "Carriage Return",
      "One",
      "Control",
      "Latin Small Letter O With Diaeresis",
      "Euro Sign",
      "Emoji: Grinning Face",
      "Hebrew Letter Dalet With Dagesh",
    ]);
  });

  // The RFC's own example (section 3.2.2), and the structures of its author's test data.
  test.each([
    [
      `{"numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\\u20ac$\\u000F\\u000aA'\\u0042\\u0022\\u005c\\\\\\"\\/", "literals": [null, true, false]}`,
      `{"literals":[null,true,false],"numbers":[333333333.3333333,1e+30,4.5,0.002,1e-27],"string":"€$\\u000f\\nA'B\\"\\\\\\\\\\"/"}`,
    ],
    [
      `{"1": {"f": {"f": "hi","F": 5} ,"\\n": 56.0}, "10": { }, "": "empty", "a": { }, "111": [ { } ], "A": { }}`,
      `{"":"empty","1":{"\\n":56,"f":{"F":5,"f":"hi"}},"10":{},"111":[{}],"A":{},"a":{}}`,
    ],
    [`[56, {"d": true, "10": null, "1": [ ]}]`, `[56,{"1":[],"10":null,"d":true}]`],
  ])("RFC 8785 writes %s like the test vector", (text, canonical) => {
    expect(canonicalJson(JSON.parse(text))).toBe(canonical);
  });
});

test("key order does not matter at any depth", () => {
  const reversed = (value: unknown): unknown =>
    Array.isArray(value)
      ? value.map(reversed)
      : typeof value === "object" && value !== null
        ? Object.fromEntries(
            Object.entries(value)
              .reverse()
              .map(([key, child]) => [key, reversed(child)]),
          )
        : value;
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 5 }), (value) => {
      expect(canonicalJson(reversed(value))).toBe(canonicalJson(value));
      expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
    }),
    { numRuns: 500 },
  );
});

test("lone surrogates stay distinct from each other and from their escapes", () => {
  const texts = ["\ud800", "\udfff", "\\ud800", "\ufffd"].map((text) => canonicalJson(text));
  expect(new Set(texts).size).toBe(4);
  expect(texts[0]).toBe('"\\ud800"');
});

test("own keys with the names of inherited properties are plain keys", () => {
  const text = '{"__proto__":{"a":1},"constructor":2,"toString":3}';
  expect(canonicalJson(JSON.parse(text))).toBe(text);
});

test("canonical JSON allows 64 levels of nesting", () => {
  const nested = (depth: number) => JSON.parse(`${"[".repeat(depth)}${"]".repeat(depth)}`);
  expect(canonicalJson(nested(64))).toHaveLength(128);
  expect(() => canonicalJson(nested(65))).toThrow("nested deeper than 64 levels");
  expect(() => canonicalJson(nested(50_000))).toThrow("nested deeper");
});

test.each([undefined, 1n, () => 1, Symbol("s")])("%o has no canonical form", (value) => {
  expect(() => canonicalJson([value])).toThrow("not a JSON value");
});

test("a property that is undefined is absent", () => {
  expect(canonicalJson({ a: undefined, b: 1 })).toBe('{"b":1}');
});
