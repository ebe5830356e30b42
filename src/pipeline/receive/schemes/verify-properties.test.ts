import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readDelivery } from "../delivery.ts";
import { presetScheme } from "../presets/index.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import { signSample } from "./sign.ts";
import { createVerifier } from "./verify.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

const SCHEMES: [string, Scheme][] = [
  ["standard-webhooks", presetScheme("standard-webhooks", {})],
  ["github", presetScheme("github", {})],
  [
    "hmac-sha256",
    presetScheme("hmac-sha256", { timestamp_header: "x-time", encoding: "base64", prefix: "p=" }),
  ],
];

function inbound(headers: Record<string, string>, body: Buffer) {
  return new InboundRequest({ method: "POST", url: "/", rawHeaders: Object.entries(headers).flat(), body });
}

describe.each(SCHEMES)("%s signatures", (name, scheme) => {
  const verify = createVerifier(scheme, [{ value: SECRET }]);
  const ids = fc.stringMatching(/^[\w-]{1,40}$/);
  const sign = (bytes: Uint8Array, id: string) => {
    const body = Buffer.from(bytes);
    return signSample({ scheme, secret: SECRET, body, nowMs: NOW_MS, id, type: "push" });
  };

  test(`accepts any signed body and no other: ${name}`, () => {
    const bodies = fc.uint8Array({ maxLength: 300 });
    fc.assert(
      fc.property(bodies, bodies, ids, (bytes, other, id) => {
        const { headers, body } = sign(bytes, id);
        expect(verify(inbound(headers, body), NOW_MS).kind).toBe("authentic");
        const swapped = verify(inbound(headers, Buffer.from(other)), NOW_MS);
        expect(swapped.kind).toBe(Buffer.compare(body, Buffer.from(other)) === 0 ? "authentic" : "rejected");
      }),
      { numRuns: 500 },
    );
  });

  test(`refuses a body with one flipped bit: ${name}`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), ids, fc.nat(), (bytes, id, at) => {
        const { headers, body } = sign(bytes, id);
        const bit = at % (body.length * 8);
        body[bit >> 3] = (body[bit >> 3] as number) ^ (1 << (bit & 7));
        expect(verify(inbound(headers, body), NOW_MS)).toEqual({
          kind: "rejected",
          reason: "signature_mismatch",
        });
      }),
      { numRuns: 1_000 },
    );
  });

  test(`refuses one changed character in the signature, time or signed id: ${name}`, () => {
    const signed = [
      "webhook-id",
      "webhook-timestamp",
      "webhook-signature",
      "x-hub-signature-256",
      "x-signature-256",
      "x-time",
    ];
    fc.assert(
      fc.property(ids, fc.nat(), fc.nat(), fc.integer({ min: 0x21, max: 0x7e }), (id, which, at, code) => {
        const { headers, body } = sign(Buffer.from("{}"), id);
        const names = Object.keys(headers).filter((name) => signed.includes(name.toLowerCase()));
        const name = names[which % names.length] as string;
        const value = headers[name] as string;
        const index = at % value.length;
        const altered = value.slice(0, index) + String.fromCharCode(code) + value.slice(index + 1);
        fc.pre(altered !== value);
        expect(verify(inbound({ ...headers, [name]: altered }, body), NOW_MS).kind).toBe("rejected");
      }),
      { numRuns: 2_000 },
    );
  });
});

test("rejects random requests without an exception in the verifier or the reader", {
  timeout: 120_000,
}, () => {
  const strange = checkScheme({
    algorithm: "ed25519",
    secret: { encoding: "hex" },
    signature: {
      from: [{ header: "x-time", separator: ",", prefix: "v=" }, { body: "/sig" }, { query: "sig" }],
      encoding: "hex",
    },
    timestamp: { from: [{ body: "/at" }], unit: "rfc3339" },
    content: ["id", "timestamp", { literal: "," }, "method", "url", { header: "content-type" }, "body"],
    delivery_id: [{ body: "/id" }, { query: "id" }],
    type: { from: [{ item: "/type/0" }, { header: "x-github-event" }], suffix: { query: "q" } },
    occurred_at: { from: [{ item: "/at" }], unit: "s" },
    account: [{ body: "/account" }],
    items: ["/items"],
  });
  const schemes = [...SCHEMES.map(([, scheme]) => scheme), strange];
  const names = fc.oneof(
    fc.constantFrom(
      "webhook-id",
      "webhook-timestamp",
      "webhook-signature",
      "x-hub-signature-256",
      "x-github-delivery",
      "x-github-event",
      "x-signature-256",
      "x-time",
      "content-type",
      "__proto__",
    ),
    fc.string(),
  );
  const values = fc.oneof(
    fc.constantFrom(
      "v1,AAAA",
      "v=00",
      "sha256=00",
      "p=AAAA",
      String(NOW_MS / 1000),
      "application/json",
      "",
      "é",
      "\ud800",
    ),
    fc.string({ unit: "binary", maxLength: 200 }),
    fc.base64String().map((text) => `v1,${text}`),
  );
  const headers = fc.array(fc.tuple(names, values), { maxLength: 12 }).map((pairs) => pairs.flat());
  const json = fc.record(
    {
      id: fc.jsonValue(),
      sig: fc.jsonValue(),
      at: fc.jsonValue(),
      items: fc.jsonValue(),
      type: fc.jsonValue(),
    },
    { requiredKeys: [] },
  );
  const bodies = fc.oneof(
    fc.uint8Array({ maxLength: 100 }).map((bytes) => Buffer.from(bytes)),
    json.map((value) => Buffer.from(JSON.stringify(value))),
  );
  const urls = fc.oneof(fc.constantFrom("/?sig=00&id=1", "?%ff"), fc.string());
  const key = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";
  const verifiers = schemes.map((scheme) => createVerifier(scheme, [{ value: SECRET }, { value: key }]));
  fc.assert(
    fc.property(fc.nat(schemes.length - 1), headers, bodies, urls, (which, rawHeaders, body, url) => {
      const request = new InboundRequest({ method: "POST", url, rawHeaders, body });
      expect(verifiers[which]?.(request, NOW_MS).kind).toBe("rejected");
      const { events } = readDelivery(schemes[which] as Scheme, request);
      for (const { key } of events.flatMap((event) => event.keys))
        expect(key).toMatch(/^[\x21-\x7e]{1,200}$/);
    }),
    { numRuns: 8_000 },
  );
});
