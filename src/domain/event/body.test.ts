import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBody } from "./body.ts";

const json = (text: string | Buffer) => dataOf("application/json", text);
const form = (text: string) => dataOf("application/x-www-form-urlencoded", text);

function dataOf(contentType: string | undefined, text: string | Buffer) {
  const parsed = parseBody({ contentType, body: Buffer.from(text) });
  return parsed.kind === "parsed" ? { kind: parsed.kind, data: parsed.data } : parsed;
}

describe("parseBody of JSON", () => {
  test.each([
    undefined,
    "",
    "application/json",
    "Application/JSON; charset=utf-8",
    "text/json",
    "application/cloudevents+json",
  ])("parses JSON of content type %j", (contentType) => {
    expect(dataOf(contentType, '{"a":[1,"é"]}')).toEqual({ kind: "parsed", data: { a: [1, "é"] } });
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

  test.each(["{", "nul", "{'a':1}", '{"a":1}x', " ", "\u0000", "\ufeff\ufeff{}", "{}\ufeff"])(
    "rejects malformed JSON: %j",
    (text) => {
      expect(json(text)).toEqual({ kind: "unreadable", reason: "The body is not valid JSON" });
    },
  );

  test("quotes nothing of a malformed body", () => {
    expect(JSON.stringify(json('{"card": 4111111111111111'))).not.toContain("4111");
  });

  test.each([
    ["text/plain", '{"a":1}'],
    ["text/plain; charset=utf-8", "\n [1]"],
    ["application/octet-stream", '{"a":1}'],
    ["application/csp-report", '{"a":1}'],
    ["text/html", '"text"'],
    ["a/b/c+json", "1"],
    ["json", "{}"],
    [undefined, '\ufeff{"a":1}'],
    ["application/json", '\ufeff{"a":1}'],
    ["text/plain", '\ufeff{"a":1}'],
    ["application/x-www-form-urlencoded", '{"a":"b=c&d"}'],
    ["application/x-www-form-urlencoded", '\ufeff [{"a":1}]'],
    ["multipart/form-data; boundary=x", '{"a":1}'],
  ])("reads JSON under the content type %j: %j", (contentType, text) => {
    const parsed = parseBody({ contentType, body: Buffer.from(text) });
    const bare = text.replace("\ufeff", "");
    expect(parsed).toEqual({ kind: "parsed", data: JSON.parse(bare), json: Buffer.from(bare) });
  });

  test("reads a large body under text/plain with a byte order mark", () => {
    const data = { text: "x".repeat(100_000) };
    const body = Buffer.from(`\ufeff${JSON.stringify(data)}`);
    const parsed = parseBody({ contentType: "text/plain", body });
    expect(parsed).toEqual({ kind: "parsed", data, json: body.subarray(3) });
  });

  test.each(["{a=1&b=2", "[x=1", "{}=1"])("reads a form that only begins as JSON: %s", (text) => {
    const contentType = "application/x-www-form-urlencoded";
    const parsed = parseBody({ contentType, body: Buffer.from(text) });
    expect(parsed.kind).toBe("parsed");
    expect(parsed).not.toHaveProperty("json");
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

test.each(["text/plain", "application/xml", "application/jsonp", "a/b/c+json", "json"])(
  "parseBody rejects text under the content type %s, and names the type",
  (contentType) => {
    const parsed = parseBody({ contentType, body: Buffer.from("<a>1</a>") });
    const reason = expect.stringContaining(`${JSON.stringify(contentType)} is neither JSON nor a form`);
    expect(parsed).toEqual({ kind: "unreadable", reason });
  },
);

test("parseBody never throws for any bytes", () => {
  const types = fc.oneof(
    fc.constantFrom(
      undefined,
      "application/json",
      "application/x-www-form-urlencoded",
      "multipart/form-data; boundary=x",
      "x/y+json",
    ),
    fc.string(),
  );
  fc.assert(
    fc.property(types, fc.uint8Array({ maxLength: 200 }), (contentType, bytes) => {
      expect(["parsed", "unreadable"]).toContain(parseBody({ contentType, body: Buffer.from(bytes) }).kind);
    }),
    { numRuns: 3_000 },
  );
});
