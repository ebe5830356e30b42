import { expect, test } from "vitest";
import { HeadraceError } from "../../../domain/errors.ts";
import { checkScheme } from "./check-scheme.ts";

const HMAC = {
  algorithm: "hmac-sha256",
  signature: { from: [{ header: "X-Sig" }], encoding: "hex" },
  content: ["body"],
  type: { from: [{ body: "/type" }] },
} as const;

function detailsOf(value: unknown) {
  try {
    checkScheme(value);
  } catch (error) {
    expect(error).toBeInstanceOf(HeadraceError);
    expect((error as HeadraceError).code).toBe("invalid_request");
    return (error as HeadraceError).details;
  }
  return undefined;
}

test("fills in the defaults of a scheme", () => {
  expect(checkScheme(HMAC)).toEqual({
    ...HMAC,
    secret: { encoding: "text" },
    retry_span_s: 259_200,
    equal_bodies: "duplicate",
    challenges: [],
    ack: { status: 200, body: "json" },
    body_limit_bytes: 5_242_880,
    methods: ["POST"],
  });
  expect(checkScheme({ ...HMAC, retry_span_s: 900 }).retry_span_s).toBe(900);
});

test("takes one place of an event's time, or several in order, and no more than four", () => {
  const place = { from: [{ body: "/at" }], unit: "s" };
  for (const occurred_at of [place, [place, { ...place, unit: "rfc3339" }]])
    expect(checkScheme({ ...HMAC, occurred_at }).occurred_at).toEqual(occurred_at);
  for (const occurred_at of [[], [place, place, place, place, place], [{ from: [], unit: "s" }], "now"]) {
    expect(detailsOf({ ...HMAC, occurred_at })).toEqual([
      expect.objectContaining({
        field: "scheme.occurred_at",
        expected: expect.stringContaining("{ from: selectors, unit }"),
      }),
    ]);
  }
  expect(detailsOf({ ...HMAC, occurred_at: [{ from: [{ item: "/at" }], unit: "s" }] })).toEqual([
    { field: "scheme.items", message: "is missing, but a selector reads an item" },
  ]);
});

test("refuses lists in items, and members beside items, if the scheme has no items", () => {
  expect(detailsOf({ ...HMAC, nested: [["/a"]], beside: ["b"] })).toEqual([
    { field: "scheme.nested", message: expect.stringContaining("needs items") },
    { field: "scheme.beside", message: expect.stringContaining("needs items") },
  ]);
  expect(detailsOf({ ...HMAC, items: [""], nested: [[""]] })).toMatchObject([{ field: "scheme.nested.0.0" }]);
});

test.each([
  [5, [{ field: "scheme", message: "must be object", got: "number" }]],
  [{ ...HMAC, algorithm: undefined }, [{ field: "scheme.algorithm", message: "is missing" }]],
  [{ ...HMAC, colour: 1 }, [{ field: "scheme.colour", message: "is unknown" }]],
  [
    { ...HMAC, retry_span_s: "4" },
    [{ field: "scheme.retry_span_s", message: "must be integer", got: "string" }],
  ],
  [
    { ...HMAC, signature: { from: [{ header: "X-Sig" }], encoding: "base32" } },
    [
      {
        field: "scheme.signature.encoding",
        expected: "one of hex, hex_any_case, base64, text",
        got: "string",
      },
    ],
  ],
  [
    { ...HMAC, type: { from: [{ footer: "x" }] } },
    [
      {
        field: "scheme.type.from.0",
        expected: expect.stringContaining("{ header, separator?, prefix? }"),
        got: "object",
      },
    ],
  ],
  [
    { ...HMAC, content: ["body", null] },
    [
      {
        field: "scheme.content.1",
        expected: expect.stringMatching(/^one of body \(its exact bytes\)/),
        got: "null",
      },
    ],
  ],
])("refuses the scheme %j with the field, its type and the expected value", (value, details) => {
  expect(detailsOf(JSON.parse(JSON.stringify(value)))).toEqual(details);
});

const { signature: _, ...unsigned } = HMAC;
const { content: __, ...empty } = HMAC;

test.each<[string, object, string]>([
  ["a signature is missing", unsigned, "signature"],
  ["content is missing", empty, "content"],
  ["a signature is never checked", { ...empty, algorithm: "none" }, "signature"],
  ["a token would sign content", { ...HMAC, algorithm: "token" }, "content"],
  [
    "a token would sign a time",
    { ...empty, algorithm: "token", timestamp: { from: [{ header: "t" }], unit: "s" } },
    "timestamp",
  ],
  ["the time is not signed", { ...HMAC, timestamp: { from: [{ header: "t" }], unit: "s" } }, "timestamp"],
  [
    "the time in the body is not signed",
    { ...HMAC, content: ["url"], body_unsigned: true, timestamp: { from: [{ body: "/t" }], unit: "s" } },
    "timestamp",
  ],
  ["the body is not signed and nobody says so", { ...HMAC, content: ["url"] }, "content"],
  ["a timestamp has no selector", { ...HMAC, content: ["timestamp", "body"] }, "content"],
  ["an id has no selector", { ...HMAC, content: ["id", "body"] }, "content"],
  [
    "text is no digest",
    { ...HMAC, signature: { ...HMAC.signature, encoding: "text" } },
    "signature.encoding",
  ],
  ["204 has no body", { ...HMAC, ack: { status: 204, body: "json" } }, "ack.status"],
  ["there are no items to look into", { ...HMAC, account: [{ item: "/a" }] }, "items"],
])("refuses a scheme that contradicts itself: %s", (_name, scheme, field) => {
  expect(detailsOf(scheme)).toEqual([{ field: `scheme.${field}`, message: expect.any(String) }]);
});

const ANSWER = { status: 200, text: { body: "/c" } } as const;
const CHALLENGE = { when: [{ at: { body: "/c" } }], proof: "signature", answer: ANSWER } as const;

test.each<[string, object, string]>([
  ["it would store a secret over another", { ...CHALLENGE, capture: { from: { body: "/c" } } }, "capture"],
  [
    "it would sign what nobody proved",
    { ...CHALLENGE, proof: "none", answer: { status: 200, json: { a: { hmac_hex: { body: "/c" } } } } },
    "answer.json",
  ],
  ["it has two bodies", { ...CHALLENGE, answer: { ...ANSWER, json: { a: { body: "/c" } } } }, "answer"],
  ["204 has no body", { ...CHALLENGE, answer: { ...ANSWER, status: 204 } }, "answer.status"],
  [
    "it would frame its own answer",
    { ...CHALLENGE, answer: { ...ANSWER, headers: { "Content-Length": { body: "/c" } } } },
    "answer.headers",
  ],
  ["no handshake is a batch", { ...CHALLENGE, when: [{ at: { item: "/c" } }] }, "when"],
])("refuses a handshake that contradicts itself: %s", (_name, challenge, field) => {
  const scheme = { ...HMAC, items: ["/items"], challenges: [CHALLENGE, challenge] };
  expect(detailsOf(scheme)).toEqual([{ field: `scheme.challenges.1.${field}`, message: expect.any(String) }]);
});

test("refuses a handshake that signs with anything but an HMAC", () => {
  const { content: _content, ...rest } = HMAC;
  const token = { ...rest, algorithm: "token", signature: { ...HMAC.signature, encoding: "text" } };
  const answer = { status: 200, json: { signed: { hmac_hex: { body: "/c" } } } };
  expect(detailsOf({ ...token, challenges: [{ ...CHALLENGE, answer }] })).toMatchObject([
    { field: "scheme.challenges.0.answer.json" },
  ]);
  expect(detailsOf({ ...HMAC, challenges: [{ ...CHALLENGE, answer }] })).toBeUndefined();
});

test("refuses a handshake with an invalid header name", () => {
  const answer = { ...ANSWER, headers: { "no header": { body: "/c" } } };
  expect(detailsOf({ ...HMAC, challenges: [{ ...CHALLENGE, answer }] })?.[0]?.field).toMatch(
    /^scheme\.challenges\.0\.answer\.headers/,
  );
});
