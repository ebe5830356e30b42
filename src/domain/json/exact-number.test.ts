import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { compareDecimals, decimalOf } from "./decimal.ts";
import { compareNumbers, ExactNumber, numberOf, withPlainNumbers, writeJson } from "./exact-number.ts";
import { parseJsonText, readJson } from "./parse-text.ts";
import { jsonPreview } from "./preview.ts";

const digits = fc
  .array(fc.constantFrom(..."0123456789"), { minLength: 1, maxLength: 24 })
  .map((all) => all.join(""));
const whole = fc.oneof(
  fc.constant("0"),
  digits.map((text) => text.replace(/^0+(?=\d)/, "")),
);
const exponent = fc
  .tuple(fc.constantFrom("e", "E"), fc.constantFrom("", "+", "-"), fc.oneof(fc.nat(400).map(String), digits))
  .map((parts) => parts.join(""));
/** Every form of number that JSON has. */
const numberText = fc
  .tuple(
    fc.constantFrom("", "-"),
    whole,
    fc.option(digits, { nil: undefined }),
    fc.option(exponent, { nil: "" }),
  )
  .map(
    ([sign, before, after, behind]) => `${sign}${before}${after === undefined ? "" : `.${after}`}${behind}`,
  );

describe("exact numbers", () => {
  test.each([
    "1234567890123456789",
    "0.1000",
    "12345678901234567.89",
    "-0",
    "0.0",
    "1.0",
    "1E2",
    "1e2",
    "1e+2",
    "0.0000001",
    "123456789012345678901234567890",
    "1e999999999",
    "-1e-999999999",
    "100000000000000000000000",
    "9007199254740993",
  ])("keeps the digits of %s where JavaScript prints others", (text) => {
    const parsed = readJson(`{"n": ${text}, "list": [${text} , 1]}`) as { n: unknown; list: unknown[] };
    expect(parsed.n).toBeInstanceOf(ExactNumber);
    expect(writeJson(parsed)).toBe(`{"n":${text},"list":[${text},1]}`);
    expect(writeJson(parsed, 2)).toContain(`"n": ${text},`);
    expect(jsonPreview(parsed, 1_000)).toBe(`{"n":${text},"list":[${text},1]}`);
  });

  test.each([
    "0",
    "1",
    "-1",
    "0.5",
    "123456789012345",
    "1.25",
    "0.000001",
    "1e+21",
    "1e-7",
    "9007199254740991",
  ])("reads %s as a JavaScript number, which prints the same", (text) => {
    expect(readJson(text)).toBe(Number(text));
  });

  test("gives every number of a text back with the same digits, in a list, an object or alone", () => {
    fc.assert(
      fc.property(fc.array(numberText, { minLength: 1 }), (texts) => {
        const list = `[${texts.join(",")}]`;
        expect(writeJson(readJson(list))).toBe(list);
        const [first] = texts as [string];
        expect(writeJson(readJson(first))).toBe(first);
        const object = `{"a":{"b":${first},"c":"${first}"},"d":null}`;
        expect(writeJson(readJson(object))).toBe(object);
      }),
      { numRuns: 500 },
    );
  });

  test("parses and refuses the same texts as JSON.parse, to the same JavaScript values", () => {
    const token = fc.oneof(
      numberText,
      fc.constantFrom(
        "1.50",
        "-",
        ".5",
        "01.50",
        "1.",
        "+1.0",
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        " ",
        '"a"',
        '"1.50',
        "e",
        "true",
      ),
      fc.string(),
      fc.json(),
    );
    fc.assert(
      fc.property(
        fc.array(token, { maxLength: 6 }).map((parts) => parts.join("")),
        (text) => {
          let expected: unknown;
          try {
            expected = JSON.parse(text);
          } catch {
            expect(() => readJson(text)).toThrow(SyntaxError);
            return;
          }
          expect(JSON.stringify(readJson(text))).toBe(JSON.stringify(expected));
        },
      ),
      { numRuns: 2_000 },
    );
  });

  test("refuses a number in the place of a key", () => {
    expect(parseJsonText("{1.50: 2}")).toEqual({ kind: "flawed", flaw: "invalid" });
    expect(parseJsonText('{"a": 01.50}')).toEqual({ kind: "flawed", flaw: "invalid" });
    expect(parseJsonText('{"a": 1.50 1.50}')).toEqual({ kind: "flawed", flaw: "invalid" });
  });

  test("refuses forbidden keys beside an exact number", () => {
    expect(parseJsonText('{"__proto__": 1.50}')).toEqual({ kind: "flawed", flaw: "forbidden_key" });
    expect(parseJsonText('{"constructor": {"prototype": 1.50}}').kind).toBe("flawed");
  });

  test("leaves digits within strings and keys as they are", () => {
    const text = '{"1.50":"1.50","a\\"1.0":"\\\\","b":"12345678901234567890"}';
    expect(writeJson(readJson(text))).toBe(text);
    expect(readJson(text)).toEqual(JSON.parse(text));
  });

  test("compares by decimal value, without expanding exponents", () => {
    const order = [
      "-1e999999999",
      "-1e400",
      "-12345678901234567.89",
      "-0.1",
      "0",
      "1e-999999999",
      "0.1",
      "12345678901234567.12",
      "12345678901234567.89",
      "1e400",
      "1.0e999999999",
    ];
    for (const [at, left] of order.entries()) {
      for (const [other, right] of order.entries()) {
        const compared = compareDecimals(decimalOf(left), decimalOf(right));
        expect(Math.sign(compared)).toBe(Math.sign(at - other));
        expect(Math.sign(compareNumbers(numberOf(left), numberOf(right)))).toBe(Math.sign(at - other));
      }
    }
  });

  test.each([
    ["0.1000", 0.1],
    ["1e2", 100],
    ["1E+2", 100],
    ["100.0", 100],
    ["-0", 0],
    ["-0.0e5", 0],
    ["0e999999999999999999", 0],
    ["1234500000000000000000000", 1.2345e24],
    ["1234567890123456789", undefined],
    ["0.1000000000000000055511151231257827", undefined],
    ["1e400", undefined],
    ["1e-400", undefined],
  ])("%s has the value of the JavaScript number %s", (text, number) => {
    expect(new ExactNumber(text).plain).toBe(number);
  });

  test("compares like big integers", () => {
    fc.assert(
      fc.property(fc.bigInt(), fc.bigInt(), (left, right) => {
        const compared = compareDecimals(decimalOf(String(left)), decimalOf(String(right)));
        expect(Math.sign(compared)).toBe(left < right ? -1 : left > right ? 1 : 0);
      }),
    );
  });

  test("handles a number with a million digits, or an exponent of them, at once", () => {
    const startMs = performance.now();
    for (const text of ["7".repeat(1_000_000), `1e${"9".repeat(1_000_000)}`, `0.${"0".repeat(1_000_000)}`]) {
      const exact = readJson(text) as ExactNumber;
      expect(writeJson(exact)).toBe(text);
      compareNumbers(exact, 5);
      expect(exact.key.length).toBeLessThanOrEqual(text.length + 20);
    }
    expect(performance.now() - startMs).toBeLessThan(1_000);
  });

  test("becomes the nearest JavaScript number where JSON.stringify writes it", () => {
    expect(withPlainNumbers(readJson('{"a":[1.50,{"b":12345678901234567890}]}'))).toEqual({
      a: [1.5, { b: 1.2345678901234567e19 }],
    });
  });
});

test("a number has the same value whether its decimal, key or JavaScript number is read first", () => {
  const read = (...names: ("decimal" | "key" | "plain")[]) => {
    const number = new ExactNumber("0.1000");
    for (const name of names) void number[name];
    return number.plain;
  };
  expect([read(), read("decimal"), read("key"), read("plain", "decimal", "plain")]).toEqual([
    0.1, 0.1, 0.1, 0.1,
  ]);
});
