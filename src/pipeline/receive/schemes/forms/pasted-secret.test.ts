import { createHmac, generateKeyPairSync, randomBytes } from "node:crypto";
import { expect, test } from "vitest";
import { providerKeys, schemeWithSample } from "../../../../../test/support/provider-keys.ts";
import { PRESETS, presetScheme } from "../../presets/index.ts";
import { InboundRequest } from "../inbound-request.ts";
import { sampleDelivery } from "../sample-delivery.ts";
import { createVerifier } from "../verify.ts";
import { readPastedSecret } from "./pasted-secret.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const URL = "https://hooks.example/in";
const KEY = Buffer.from("an unusual key >>>???   of bytes");

function readFor(preset: string, pasted: string, params: Record<string, string> = {}) {
  return readPastedSecret(presetScheme(preset, params), pasted);
}

/** Returns the verdict on a delivery of the provider, under a secret as it was pasted. */
function verdictOf(preset: string, pasted: string, signingSecret: string) {
  const scheme = schemeWithSample(preset);
  const read = readPastedSecret(scheme, pasted);
  if (read.kind === "unusable") return read.expected;
  const sample = PRESETS.get(preset)?.sample ?? { body: {} };
  const { headers, body } = sampleDelivery({
    scheme,
    sample,
    id: "id-1",
    type: "thing.made",
    secret: signingSecret,
    url: URL,
    nowMs: NOW_MS,
  });
  const rawHeaders = Object.entries(headers).flat();
  const request = new InboundRequest({ method: "POST", url: URL, rawHeaders, body });
  return createVerifier(scheme, [{ value: read.value }])(request, NOW_MS).kind;
}

test.each([...PRESETS.keys()].filter((preset) => preset !== "none"))(
  "cuts the blanks around a pasted secret: %s",
  (preset) => {
    const { secret, signingSecret } = providerKeys(preset);
    for (const pasted of [
      secret,
      ` ${secret}`,
      `${secret}\n`,
      `\t${secret}\r\n`,
      `\ufeff\u200b${secret}\u00a0`,
    ]) {
      expect([pasted, verdictOf(preset, pasted, signingSecret)]).toEqual([pasted, "authentic"]);
    }
    expect(readPastedSecret(schemeWithSample(preset), " \r\n\t")).toEqual({
      kind: "unusable",
      expected: "a secret, not only blanks",
    });
  },
);

test.each(["standard-webhooks", "svix"])("reads each form in which the secret is shown: %s", (preset) => {
  const base64 = KEY.toString("base64");
  expect(base64).toMatch(/[+/].*=$/);
  const forms = [`whsec_${base64}`, `v1,whsec_${base64}`, base64, `whsec_${base64.replace("=", "")}`];
  const inUrls = `whsec_${KEY.toString("base64url")}`;
  for (const pasted of [...forms, inUrls, `v1,${inUrls}\n`]) {
    expect([pasted, verdictOf(preset, pasted, `whsec_${base64}`)]).toEqual([pasted, "authentic"]);
  }
});

test("verifies with a stored v1,whsec_ secret, whose bytes are those after the prefix", () => {
  const scheme = presetScheme("standard-webhooks", {});
  const time = String(NOW_MS / 1_000);
  const signature = createHmac("sha256", KEY).update(`m1.${time}.{}`).digest("base64");
  const rawHeaders = ["webhook-id", "m1", "webhook-timestamp", time, "webhook-signature", `v1,${signature}`];
  const request = new InboundRequest({ method: "POST", url: URL, rawHeaders, body: Buffer.from("{}") });
  for (const value of [`v1,whsec_${KEY.toString("base64")}`, ` whsec_${KEY.toString("base64")}\n`]) {
    expect(createVerifier(scheme, [{ value }])(request, NOW_MS).kind).toBe("authentic");
  }
});

test.each([
  ["basic", "user:password", "user:password"],
  ["basic", "Basic dXNlcjpwYXNzd29yZA==", "user:password"],
  ["basic", "user:", "user:"],
  ["hmac-sha256", " a secret with blanks in it ", "a secret with blanks in it"],
  ["stripe", "whsec_not base64!", "whsec_not base64!"],
  ["standard-webhooks", "my secret", "my secret"],
  ["github", "x", "x"],
])("reads for %s the secret %j as %j", (preset, pasted, value) => {
  expect(readFor(preset, pasted)).toEqual({ kind: "usable", value });
});

test("reads a token with or without the text before it in its header", () => {
  const params = { header: "authorization", prefix: "Bearer " };
  for (const pasted of ["s3cret", "Bearer s3cret", "bearer  s3cret\n"])
    expect(readFor("token", pasted, params)).toEqual({ kind: "usable", value: "s3cret" });
  expect(readFor("token", "Bearer s3cret", {})).toEqual({ kind: "usable", value: "Bearer s3cret" });
});

test("reads a public key whose lines are written as \\n", () => {
  const { publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  const pem = publicKey.export({ format: "pem", type: "spki" }).toString().trim();
  expect(readFor("paypal", pem.replaceAll("\n", "\\n"))).toEqual({ kind: "usable", value: pem });
});

const { privateKey: RSA_PRIVATE } = generateKeyPairSync("rsa", { modulusLength: 2048 });

test.each([
  ["standard-webhooks", "whsec_not base64", "whsec_ and then base64"],
  ["standard-webhooks", "whsec_", "whsec_ and then base64"],
  ["standard-webhooks", "whsec_AAAAA", "whsec_ and then base64"],
  ["standard-webhooks", "v1,whsec_…", "whsec_ and then base64"],
  ["svix", "whpk_AAAA", "whpk_… is a key of another kind"],
  ["standard-webhooks-v1a", "whsec_AAAA", "the public key of ed25519: whpk_ and its 32 bytes"],
  ["standard-webhooks-v1a", "whpk_AAAA", "the public key of ed25519: whpk_ and its 32 bytes"],
  ["discord", randomBytes(31).toString("hex"), "its 32 bytes or SPKI DER in hex"],
  ["sendgrid", "SG.an-api-key", "the public key of ECDSA P-256: SPKI DER in base64"],
  ["paypal", "8PT597110X687430LKGECATA", "the public key of RSA: PEM, also of a certificate"],
  ["paypal", RSA_PRIVATE.export({ format: "pem", type: "pkcs8" }).toString(), "this is a private key"],
  ["airtable", "not base64!", "base64"],
  ["basic", "userpassword", "user:password, on one line"],
  ["token", "two\nlines", "a token on one line"],
  ["stripe", "sk_live_51H", "sk_… is a key of another kind"],
  ["slack", "xoxb-1234", "xoxb-… is a key of another kind"],
])(
  "refuses for %s the secret %j, which can verify no delivery, with the expected form",
  (preset, pasted, form) => {
    const read = readFor(preset, pasted);
    expect(read.kind === "unusable" ? read.expected : read).toEqual(expect.stringContaining(form));
  },
);

test("refuses a text where GitLab signs: its signing tokens are always base64", () => {
  expect(readFor("gitlab", "any text", { signing: "signature" }).kind).toBe("unusable");
  expect(readFor("gitlab", "any text", {}).kind).toBe("usable");
});
