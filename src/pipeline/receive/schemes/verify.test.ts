import { createHmac, generateKeyPairSync, sign as signWith } from "node:crypto";
import { expect, test } from "vitest";
import { DeferredWork, LONG_BODY_BYTES } from "../deferred-work.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";
import type { SchemeInput } from "./scheme.ts";
import { createVerifier, type RejectionReason, type Verdict } from "./verify.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const NOW_S = NOW_MS / 1000;

function request(
  body: string | Buffer,
  headers: Record<string, string> | string[],
  url = "https://hooks.example/in",
) {
  const rawHeaders = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  return new InboundRequest({ method: "POST", url, rawHeaders, body: Buffer.from(body) });
}

function rejected(reason: RejectionReason): Verdict {
  return { kind: "rejected", reason };
}

function hmac(secret: string | Buffer, content: string | Buffer, algorithm = "sha256") {
  return createHmac(algorithm, secret).update(content).digest();
}

const type: SchemeInput["type"] = { from: [{ body: "/type" }] };
const verdictOf = (scheme: SchemeInput, secret: string, inbound: InboundRequest) =>
  createVerifier(checkScheme(scheme), [{ value: secret }])(inbound, NOW_MS);

test("verifies a list header with one time and several signatures", () => {
  const from = (prefix: string) => ({ header: "Stripe-Signature", separator: ",", prefix });
  const stripe: SchemeInput = {
    algorithm: "hmac-sha256",
    signature: { from: [from("v1=")], encoding: "hex" },
    timestamp: { from: [from("t=")], unit: "s" },
    content: ["timestamp", { literal: "." }, "body"],
    type,
  };
  const good = hmac("s", `${NOW_S}.{}`).toString("hex");
  const header = (value: string) => request("{}", { "stripe-signature": value });
  expect(verdictOf(stripe, "s", header(`t=${NOW_S},v0=00,v1=${"0".repeat(64)},v1=${good}`)).kind).toBe(
    "authentic",
  );
  expect(verdictOf(stripe, "s", header(`t=1,t=${NOW_S},v1=${good}`))).toEqual(rejected("timestamp_missing"));
  expect(verdictOf(stripe, "s", header(`t=${NOW_S},v0=${good}`))).toEqual(rejected("signature_malformed"));
});

test("verifies signatures over method, public URL and headers, with the time in the signed body", () => {
  const scheme: SchemeInput = {
    algorithm: "hmac-sha512",
    signature: { from: [{ header: "x-a" }, { header: "x-b" }], encoding: "base64" },
    timestamp: { from: [{ body: "/at" }], unit: "ms", tolerance_s: 60 },
    content: ["method", "url", { header: "x-extra" }, "body"],
    type,
  };
  const url = "https://hooks.example/in?q=é";
  const at = (ms: number) => {
    const body = JSON.stringify({ at: ms });
    const signature = hmac("s", `POST${url}more${body}`, "sha512").toString("base64");
    return request(body, { "x-b": signature, "x-extra": "more" }, url);
  };
  expect(verdictOf(scheme, "s", at(NOW_MS))).toEqual({
    kind: "authentic",
    secretIndex: 0,
    timestampMs: NOW_MS,
  });
  expect(verdictOf(scheme, "s", at(NOW_MS - 61_000))).toEqual(rejected("timestamp_too_old"));
  const bare = request("{}", { "x-b": "AAAA" }, url);
  expect(verdictOf(scheme, "s", bare)).toEqual(rejected("content_missing"));
});

test("compares a token, or a user and password, as a whole", () => {
  const token: SchemeInput = {
    algorithm: "token",
    signature: { from: [{ header: "x-token" }], encoding: "text" },
    type,
  };
  expect(
    verdictOf(token, "sésame", request("", { "x-token": Buffer.from("sésame").toString("latin1") })).kind,
  ).toBe("authentic");
  for (const wrong of ["sésam", "sésame2", "x"]) {
    expect(verdictOf(token, "sésame", request("", { "x-token": wrong }))).toEqual(
      rejected("signature_mismatch"),
    );
  }
  const basic: SchemeInput = {
    algorithm: "token",
    signature: { from: [{ header: "authorization", prefix: "Basic " }], encoding: "base64" },
    type,
  };
  expect(verdictOf(basic, "u:p", request("", { authorization: "Basic dTpw" })).kind).toBe("authentic");
  expect(verdictOf(basic, "u:p", request("", { authorization: "Basic dTpx" }))).toEqual(
    rejected("signature_mismatch"),
  );
});

test("verifies sha256-prefixed as SHA-256 over secret and content", () => {
  const scheme: SchemeInput = {
    algorithm: "sha256-prefixed",
    signature: { from: [{ header: "x-sig" }], encoding: "hex" },
    content: ["body"],
    type,
  };
  // printf 'secretbody' | sha256sum
  const signature = "62ea2e334a3ca4a272ae4655478e6f6229a1211cc4c4ca203f03068d8fe4cdec";
  expect(verdictOf(scheme, "secret", request("body", { "x-sig": signature })).kind).toBe("authentic");
});

const ed25519 = generateKeyPairSync("ed25519");
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
const rsa = generateKeyPairSync("rsa", { modulusLength: 2048 });
const der = (key: typeof rsa.publicKey) => key.export({ format: "der", type: "spki" });

test.each([
  ["ed25519", "hex", der(ed25519.publicKey).subarray(-32).toString("hex"), ed25519.privateKey],
  ["ecdsa-p256-sha256", "base64", der(p256.publicKey).toString("base64"), p256.privateKey],
  ["rsa-sha256", "text", rsa.publicKey.export({ format: "pem", type: "spki" }).toString(), rsa.privateKey],
] as const)("verifies %s with a public key in %s", (algorithm, encoding, publicKey, privateKey) => {
  const scheme: SchemeInput = {
    algorithm,
    secret: { encoding },
    signature: { from: [{ header: "x-sig" }], encoding: "base64" },
    content: [{ literal: "é." }, "body"],
    type,
  };
  const hash = algorithm === "ed25519" ? null : "sha256";
  const signature = signWith(hash, Buffer.from("é.{}"), privateKey).toString("base64");
  expect(verdictOf(scheme, publicKey, request("{}", { "x-sig": signature })).kind).toBe("authentic");
  expect(verdictOf(scheme, publicKey, request("{ }", { "x-sig": signature }))).toEqual(
    rejected("signature_mismatch"),
  );
  expect(verdictOf(scheme, publicKey, request("{}", { "x-sig": "AAAA" }))).toEqual(
    rejected("signature_mismatch"),
  );
  const confused = hmac(publicKey, "é.{}").toString("base64");
  expect(verdictOf(scheme, publicKey, request("{}", { "x-sig": confused }))).toEqual(
    rejected("signature_mismatch"),
  );
  expect(verdictOf(scheme, "no key", request("{}", { "x-sig": signature }))).toEqual(
    rejected("no_usable_secret"),
  );
});

test.each([
  ["ecdsa-p256-sha256", p256],
  ["rsa-sha256", rsa],
] as const)("verifies a long body with %s in slices, each signature for itself", (algorithm, pair) => {
  const scheme: SchemeInput = {
    algorithm,
    secret: { encoding: "base64" },
    signature: { from: [{ header: "x-sig" }], encoding: "base64" },
    content: [{ literal: "t." }, "body"],
    type,
  };
  const body = `"${"é".repeat(3_000_000)}"`;
  const signature = signWith("sha256", Buffer.from(`t.${body}`), pair.privateKey).toString("base64");
  const other = signWith("sha256", Buffer.from(`u.${body}`), pair.privateKey).toString("base64");
  for (const [shown, kind] of [
    [signature, "authentic"],
    [other, "rejected"],
  ] as const) {
    const inbound = request(body, { "x-sig": shown });
    let steps = 0;
    for (;;) {
      try {
        const verdict = verdictOf(scheme, der(pair.publicKey).toString("base64"), inbound);
        expect(verdict.kind).toBe(kind);
        break;
      } catch (error) {
        if (!(error instanceof DeferredWork)) throw error;
        for (const _ of error.work({ pointers: [] })) steps += 1;
      }
    }
    expect(steps).toBeGreaterThanOrEqual(Math.floor(Buffer.byteLength(body) / LONG_BODY_BYTES));
  }
});

test("refuses a public key of another kind or curve", () => {
  const scheme = (algorithm: SchemeInput["algorithm"]): SchemeInput => ({
    algorithm,
    secret: { encoding: "base64" },
    signature: { from: [{ header: "x-sig" }], encoding: "base64" },
    content: ["body"],
    type,
  });
  const signature = signWith("sha256", Buffer.from("{}"), p384.privateKey).toString("base64");
  const inbound = request("{}", { "x-sig": signature });
  const key = der(p384.publicKey).toString("base64");
  for (const algorithm of ["ecdsa-p256-sha256", "rsa-sha256", "ed25519"] as const) {
    expect(verdictOf(scheme(algorithm), key, inbound)).toEqual(rejected("no_usable_secret"));
  }
});

test("accepts everything under the algorithm none", () => {
  expect(verdictOf({ algorithm: "none", type }, "", request("x", {}))).toEqual({ kind: "authentic" });
});
