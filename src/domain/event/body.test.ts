import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBody } from "./body.ts";

const json = (text: string | Buffer) =>
  parseBody({ contentType: "application/json", body: Buffer.from(text) });
const form = (text: string) =>
  parseBody({ contentType: "application/x-www-form-urlencoded", body: Buffer.from(text) });

describe("parseBody of JSON", () => {
  test.each([
    undefined,
    "",
    "application/json",
    "Application/JSON; charset=utf-8",
    "text/json",
    "application/cloudevents+json",
  ])("parses JSON of content type %j", (contentType) => {
    const parsed = parseBody({ contentType, body: Buffer.from('{"a":[1,"é"]}') });
    expect(parsed).toEqual({ kind: "parsed", data: { a: [1, "é"] } });
  });

  test("parses any JSON value like JSON.parse", () => {
    fc.assert(
      fc.property(fc.json({ maxDepth: 8 }), (text) => {
        fc.pre(!/__proto__|constructor/.test(text));
        expect(json(text)).toEqual({ kind: "parsed", data: JSON.parse(text) });
      }),
      { numRuns: 2_000 },
    );
  });

  test.each(["{", "nul", "{'a':1}", '{"a":1}x', " ", "\u0000"])("rejects malformed JSON: %j", (text) => {
    expect(json(text)).toEqual({ kind: "unreadable", reason: "The body is not valid JSON" });
  });

  test("quotes nothing of a malformed body", () => {
    expect(JSON.stringify(json('{"card": 4111111111111111'))).not.toContain("4111");
  });

  test("rejects JSON with a byte order mark", () => {
    expect(json("\ufeff{}")).toEqual({
      kind: "unreadable",
      reason: "The body begins with a byte order mark",
    });
  });

  test("rejects JSON that is not UTF-8 instead of inserting U+FFFD", () => {
    expect(json(Buffer.from([0x22, 0xff, 0x22]))).toEqual({
      kind: "unreadable",
      reason: "The body is not valid UTF-8",
    });
  });

  test.each([
    '{"a":{"__proto__":{"admin":true}}}',
    '{"\\u005f_proto__":{"admin":true}}',
    '[{"constructor":{"prototype":{"admin":true}}}]',
  ])("rejects JSON keys that reach a prototype: %s", (text) => {
    expect(json(text)).toMatchObject({
      kind: "unreadable",
      reason: expect.stringContaining("forbidden key"),
    });
  });

  test("accepts a constructor key without a prototype", () => {
    expect(json('{"constructor":"Bugatti"}')).toEqual({ kind: "parsed", data: { constructor: "Bugatti" } });
  });

  test("accepts JSON of 64 levels and rejects deeper nesting", () => {
    const nested = (depth: number) => `${"[".repeat(depth - 1)}{}${"]".repeat(depth - 1)}`;
    expect(json(nested(64)).kind).toBe("parsed");
    expect(json(nested(65))).toEqual({ kind: "unreadable", reason: "The body nests deeper than 64 levels" });
    expect(json('{"a":'.repeat(100_000))).toEqual({
      kind: "unreadable",
      reason: "The body nests deeper than 64 levels",
    });
  });

  test("ignores brackets within JSON strings when it checks the depth", () => {
    const text = JSON.stringify({ a: `${"[{".repeat(100)}"\\`, b: `\\"${"[".repeat(100)}\\\\` });
    expect(json(text)).toEqual({ kind: "parsed", data: JSON.parse(text) });
    expect(json(`["\\\\",${"[".repeat(64)}`)).toMatchObject({
      reason: expect.stringContaining("nests deeper"),
    });
  });

  test("keeps the last value of a repeated JSON key, and NUL characters", () => {
    expect(json('{"a":1,"a":"x\\u0000y"}')).toEqual({ kind: "parsed", data: { a: "x\u0000y" } });
  });
});

describe("parseBody of forms", () => {
  test("parses a form into strings, and arrays for repeated fields", () => {
    expect(form("From=%2B1%20555&Body=a+b%C3%A9&x=1&x=2&x=3&empty=&bare&&raw=é")).toEqual({
      kind: "parsed",
      data: { From: "+1 555", Body: "a bé", x: ["1", "2", "3"], empty: "", bare: "", raw: "é" },
    });
  });

  test("parses forms written by URLSearchParams", () => {
    const names = fc
      .string({ unit: "grapheme", minLength: 1 })
      .filter((name) => name !== "__proto__" && name !== "payload");
    fc.assert(
      fc.property(
        fc.dictionary(names, fc.string({ unit: "grapheme" }), { minKeys: 1, noNullPrototype: true }),
        (fields) => {
          expect(form(new URLSearchParams(fields).toString())).toEqual({ kind: "parsed", data: fields });
        },
      ),
    );
  });

  test("parses a form with a single payload field as JSON", () => {
    expect(form(`payload=${encodeURIComponent('{"action":"opened"}')}`)).toEqual({
      kind: "parsed",
      data: { action: "opened" },
    });
    expect(form("payload=%7B").kind).toBe("unreadable");
    expect(form(`payload=${"%5B".repeat(65)}`).kind).toBe("unreadable");
  });

  test("keeps a form whose payload is not JSON or not its only field", () => {
    expect(form("payload=hello")).toEqual({ kind: "parsed", data: { payload: "hello" } });
    expect(form("payload=%7B%7D&token=t")).toEqual({ kind: "parsed", data: { payload: "{}", token: "t" } });
  });

  test.each(["a=%", "a=%zz", "%ff=1", "a=%c3"])("rejects a form with a malformed escape: %s", (text) => {
    expect(form(text)).toEqual({ kind: "unreadable", reason: "The form has a malformed %-escape" });
  });

  test("rejects a form with a __proto__ field or more than 10,000 fields", () => {
    expect(form("__proto__=1").kind).toBe("unreadable");
    expect(form("a&".repeat(9_999)).kind).toBe("parsed");
    expect(form("a&".repeat(10_000))).toEqual({
      kind: "unreadable",
      reason: "The form has more than 10000 fields",
    });
  });
});

test("parseBody returns an empty object for an empty body", () => {
  expect(parseBody({ contentType: "image/png", body: Buffer.alloc(0) })).toEqual({
    kind: "parsed",
    data: {},
  });
});

test.each([
  "text/plain",
  "application/xml",
  "multipart/form-data; boundary=x",
  "application/jsonp",
  "a/b/c+json",
  "json",
])("parseBody rejects the content type %s", (contentType) => {
  const parsed = parseBody({ contentType, body: Buffer.from("{}") });
  expect(parsed).toMatchObject({
    kind: "unreadable",
    reason: expect.stringContaining(contentType.split(";")[0] as string),
  });
});

test("parseBody never throws for any bytes", () => {
  const types = fc.oneof(
    fc.constantFrom(undefined, "application/json", "application/x-www-form-urlencoded", "x/y+json"),
    fc.string(),
  );
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 200 }), (contentType, bytes) => {
      expect(["parsed", "unreadable"]).toContain(parseBody({ contentType, body: Buffer.from(bytes) }).kind);
    }),
    { numRuns: 3_000 },
  );
});
