import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { parseBody } from "./body.ts";

const BOUNDARY = "----form7MA4YWxk";

interface Part {
  headers: string[];
  content: Buffer | string;
}

function multipart(parts: readonly Part[], boundary = BOUNDARY): Buffer {
  return Buffer.concat([
    ...parts.flatMap(({ headers, content }) => [
      Buffer.from(`--${boundary}\r\n${headers.join("\r\n")}\r\n\r\n`),
      Buffer.from(content as string),
      Buffer.from("\r\n"),
    ]),
    Buffer.from(`--${boundary}--\r\n`),
  ]);
}

function field(name: string, content: Buffer | string, ...headers: string[]): Part {
  return { headers: [`Content-Disposition: form-data; name="${name}"`, ...headers], content };
}

const read = (parts: readonly Part[], contentType = `multipart/form-data; boundary=${BOUNDARY}`) =>
  parseBody({ contentType, body: multipart(parts) });

describe("parseBody of a multipart form", () => {
  test("makes an object of its fields, with repeated ones as an array", () => {
    const parts = [field("a", "1"), field("b", "é\r\n2"), field("a", ""), field("a", "3")];
    expect(read(parts)).toEqual({ kind: "parsed", data: { a: ["1", "", "3"], b: "é\r\n2" } });
  });

  test("describes files, and fields that are no text, instead of their content", () => {
    const parts = [
      {
        headers: ['Content-Disposition: form-data; name="file"; filename="a.png"', "Content-Type: image/png"],
        content: Buffer.from([0x89, 0x00, 0xff]),
      },
      field("odd", Buffer.from([0xe9]), "Content-Type: text/plain; charset=iso-8859-1"),
    ];
    expect(read(parts)).toEqual({
      kind: "parsed",
      data: {
        file: { filename: "a.png", content_type: "image/png", size_bytes: 3 },
        odd: { filename: undefined, content_type: "text/plain", size_bytes: 1 },
      },
    });
  });

  test("reads JSON in a field of a JSON type, and in a lone payload field", () => {
    const typed = field("event", '{"a":[1]}', "Content-Type: application/json");
    expect(read([typed, field("b", "2")])).toEqual({
      kind: "parsed",
      data: { event: { a: [1] }, b: "2" },
    });
    expect(read([field("payload", '{"a":1}')])).toMatchObject({ kind: "parsed", data: { a: 1 } });
  });

  test.each([
    `Multipart/Form-Data; charset=utf-8; boundary="${BOUNDARY}"`,
    `multipart/form-data;boundary=${BOUNDARY}`,
  ])("finds the boundary in %s", (contentType) => {
    expect(read([field("a", "1")], contentType)).toEqual({ kind: "parsed", data: { a: "1" } });
  });

  test.each([
    ["no boundary", "multipart/form-data", multipart([field("a", "1")])],
    ["another boundary", "multipart/form-data; boundary=other", multipart([field("a", "1")])],
    ["no end", `multipart/form-data; boundary=${BOUNDARY}`, multipart([field("a", "1")]).subarray(0, -6)],
    [
      "flawed JSON in a field",
      `multipart/form-data; boundary=${BOUNDARY}`,
      multipart([field("a", "{", "Content-Type: application/json")]),
    ],
    [
      "a field that reaches a prototype",
      `multipart/form-data; boundary=${BOUNDARY}`,
      multipart([field("__proto__", "1")]),
    ],
    [
      "more than 10,000 parts",
      `multipart/form-data; boundary=${BOUNDARY}`,
      multipart(Array.from({ length: 10_001 }, () => field("a", ""))),
    ],
  ])("is unreadable with %s", (_flaw, contentType, body) => {
    expect(parseBody({ contentType, body }).kind).toBe("unreadable");
  });

  test("returns the text of any fields", () => {
    const name = fc.string({ minLength: 1, maxLength: 10 }).filter((text) => /^[a-z]+$/.test(text));
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.tuple(name, fc.string({ unit: "grapheme" })), {
          selector: ([key]) => key,
          minLength: 1,
        }),
        (fields) => {
          fc.pre(!(fields.length === 1 && fields[0]?.[0] === "payload"));
          const parts = fields.map(([key, value]) => field(key, value));
          expect(read(parts)).toEqual({ kind: "parsed", data: Object.fromEntries(fields) });
        },
      ),
    );
  });
});
