import { describe, expect, test } from "vitest";
import { HeadraceError } from "../../domain/errors.ts";
import { checkScheme } from "./check-scheme.ts";
import type { SchemeInput } from "./scheme.ts";

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

test("a scheme gets the defaults of what it leaves out", () => {
  expect(checkScheme(HMAC)).toEqual({
    ...HMAC,
    secret: { encoding: "text" },
    retry_hours: 72,
    challenges: [],
    ack: { status: 200, body: "json" },
    body_limit_bytes: 1_048_576,
    methods: ["POST"],
  });
  expect(checkScheme({ ...HMAC, retry_hours: 4 }).retry_hours).toBe(4);
});

test.each([
  [5, [{ field: "scheme", message: "must be object", got: "number" }]],
  [{ ...HMAC, algorithm: undefined }, [{ field: "scheme.algorithm", message: "is missing" }]],
  [{ ...HMAC, colour: 1 }, [{ field: "scheme.colour", message: "is not known" }]],
  [
    { ...HMAC, retry_hours: "4" },
    [{ field: "scheme.retry_hours", message: "must be integer", got: "string" }],
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
])("%j is refused with the field, what was seen and what was expected", (value, details) => {
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
    { ...empty, algorithm: "token", timestamp: { from: { header: "t" }, unit: "s" } },
    "timestamp",
  ],
  ["the time is not signed", { ...HMAC, timestamp: { from: { header: "t" }, unit: "s" } }, "timestamp"],
  [
    "the time in the body is not signed",
    { ...HMAC, content: ["url"], body_unsigned: true, timestamp: { from: { body: "/t" }, unit: "s" } },
    "timestamp",
  ],
  ["the body is not signed and nobody says so", { ...HMAC, content: ["url"] }, "content"],
  ["a timestamp has no place", { ...HMAC, content: ["timestamp", "body"] }, "content"],
  ["an id has no place", { ...HMAC, content: ["id", "body"] }, "content"],
  [
    "text is no digest",
    { ...HMAC, signature: { ...HMAC.signature, encoding: "text" } },
    "signature.encoding",
  ],
  ["there are no items to look into", { ...HMAC, account: [{ item: "/a" }] }, "items"],
])("a scheme contradicts itself where %s", (_name, scheme, field) => {
  expect(detailsOf(scheme)).toEqual([{ field: `scheme.${field}`, message: expect.any(String) }]);
});

describe("the vocabulary holds", () => {
  const hex = (header: string, prefix = "") => ({ from: [{ header, prefix }], encoding: "hex" as const });
  const type: SchemeInput["type"] = { from: [{ body: "/type" }] };
  const hmac = { algorithm: "hmac-sha256" as const, content: ["body" as const], type };
  const echo = (status: 200 | 204 = 200) => ({ status });

  test.each<[string, SchemeInput]>([
    [
      "svix, whose headers have two names",
      {
        ...hmac,
        secret: { encoding: "base64", prefix: "whsec_" },
        signature: {
          from: ["svix-signature", "webhook-signature"].map((header) => ({
            header,
            separator: " ",
            prefix: "v1,",
          })),
          encoding: "base64",
        },
        timestamp: { from: { header: "svix-timestamp" }, unit: "s" },
        delivery_id: [{ header: "svix-id" }, { header: "webhook-id" }],
        content: ["id", { literal: "." }, "timestamp", { literal: "." }, "body"],
      },
    ],
    [
      "slack, which shakes hands under its signature",
      {
        ...hmac,
        signature: hex("x-slack-signature", "v0="),
        timestamp: { from: { header: "x-slack-request-timestamp" }, unit: "s" },
        content: [{ literal: "v0:" }, "timestamp", { literal: ":" }, "body"],
        delivery_id: [{ body: "/event_id" }],
        type: { from: [{ body: "/event/type" }, { body: "/type" }] },
        account: [{ body: "/team_id" }],
        challenges: [
          {
            when: [{ at: { body: "/type" }, equals: "url_verification" }],
            proof: "signature",
            answer: { ...echo(), content_type: "text/plain", text: { body: "/challenge" } },
          },
        ],
      },
    ],
    [
      "zoom, which wants its token signed",
      {
        ...hmac,
        signature: hex("x-zm-signature", "v0="),
        account: [{ body: "/payload/account_id" }],
        challenges: [
          {
            when: [{ at: { body: "/event" }, equals: "endpoint.url_validation" }],
            proof: "signature",
            answer: {
              ...echo(),
              content_type: "application/json",
              json: {
                plainToken: { body: "/payload/plainToken" },
                encryptedToken: { hmac_hex: { body: "/payload/plainToken" } },
              },
            },
          },
        ],
      },
    ],
    [
      "asana, which brings its secret and sends batches",
      {
        ...hmac,
        signature: hex("x-hook-signature"),
        items: "/events",
        type: { from: [{ item: "/resource/resource_type" }], suffix: { item: "/action" } },
        challenges: [
          {
            when: [{ at: { header: "x-hook-secret" } }],
            proof: "pending",
            capture: { header: "x-hook-secret" },
            answer: { ...echo(204), headers: { "x-hook-secret": { header: "x-hook-secret" } } },
          },
        ],
      },
    ],
    [
      "meta, which asks for a token in the URL",
      {
        ...hmac,
        signature: hex("x-hub-signature-256", "sha256="),
        methods: ["POST", "GET"],
        items: "/entry",
        account: [{ item: "/id" }],
        challenges: [
          {
            when: [{ at: { query: "hub.mode" }, equals: "subscribe" }],
            method: "GET",
            proof: { token: { query: "hub.verify_token" }, equals: "t" },
            answer: { ...echo(), content_type: "text/plain", text: { query: "hub.challenge" } },
          },
        ],
      },
    ],
    [
      "hubspot, which signs method and URL, and numbers the items of a batch",
      {
        ...hmac,
        signature: { from: [{ header: "x-hubspot-signature-v3" }], encoding: "base64" },
        timestamp: { from: { header: "x-hubspot-request-timestamp" }, unit: "ms" },
        content: ["method", "url", "body", "timestamp"],
        items: "",
        delivery_id: [{ item: "/eventId" }],
        type: { from: [{ item: "/subscriptionType" }] },
        account: [{ item: "/portalId" }],
        occurred_at: { from: [{ item: "/occurredAt" }], unit: "ms" },
      },
    ],
    [
      "box, which signs with two keys and allows ten minutes",
      {
        ...hmac,
        signature: {
          from: [{ header: "box-signature-primary" }, { header: "box-signature-secondary" }],
          encoding: "base64",
        },
        timestamp: { from: { header: "box-delivery-timestamp" }, unit: "rfc3339", tolerance_s: 600 },
        content: ["body", "timestamp"],
        delivery_id: [{ body: "/id" }],
      },
    ],
    [
      "mailgun, whose signature stands in the body and does not cover it",
      {
        ...hmac,
        signature: { from: [{ body: "/signature/signature" }], encoding: "hex" },
        timestamp: { from: { body: "/signature/timestamp" }, unit: "s" },
        delivery_id: [{ body: "/signature/token" }],
        content: ["timestamp", "id"],
        body_unsigned: true,
      },
    ],
    [
      "discord, which pings",
      {
        ...hmac,
        algorithm: "ed25519",
        secret: { encoding: "hex" },
        signature: hex("x-signature-ed25519"),
        timestamp: { from: { header: "x-signature-timestamp" }, unit: "s" },
        content: ["timestamp", "body"],
        challenges: [
          { when: [{ at: { body: "/type" }, equals: "0" }], proof: "signature", answer: echo(204) },
        ],
      },
    ],
    [
      "xero, which wants nothing back",
      {
        ...hmac,
        signature: { from: [{ header: "x-xero-signature" }], encoding: "base64" },
        items: "/events",
        ack: { status: 200, body: "empty" },
      },
    ],
    ["none, asked for by name", { algorithm: "none", type: { from: [{ literal: "webhook" }] } }],
  ])("%s", (_name, scheme) => {
    expect(checkScheme(scheme)).toMatchObject(scheme);
  });
});
