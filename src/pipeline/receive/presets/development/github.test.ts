import { createHmac } from "node:crypto";
import { sign as octokitSign } from "@octokit/webhooks-methods";
import { expect, test } from "vitest";
import { InboundRequest } from "../../schemes/inbound-request.ts";
import {
  createVerifier,
  type EndpointSecret,
  type RejectionReason,
  type Verdict,
} from "../../schemes/verify.ts";
import { presetScheme } from "../index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);

function request(body: string | Buffer, headers: Record<string, string> | string[]) {
  const rawHeaders = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  return new InboundRequest({
    method: "POST",
    url: "https://hooks.example/in",
    rawHeaders,
    body: Buffer.from(body),
  });
}

function rejected(reason: RejectionReason): Verdict {
  return { kind: "rejected", reason };
}

function hmac(secret: string, content: string, algorithm = "sha256") {
  return createHmac(algorithm, secret).update(content).digest();
}

const scheme = presetScheme("github", {});
const DOCS_SECRET = "It's a Secret to Everybody";
const DOCS_SIGNATURE = "757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
const verdictOf = (headers: Record<string, string>, secrets: EndpointSecret[] = [{ value: DOCS_SECRET }]) =>
  createVerifier(scheme, secrets)(request("Hello, World!", headers), NOW_MS);

test("accepts the example that GitHub publishes", () => {
  expect(verdictOf({ "X-Hub-Signature-256": `sha256=${DOCS_SIGNATURE}` })).toEqual({
    kind: "authentic",
    secretIndex: 0,
  });
});

test("accepts a signature made by octokit", async () => {
  const signature = await octokitSign("s", '{"zen":"ü"}');
  const verify = createVerifier(scheme, [{ value: "s" }]);
  expect(verify(request('{"zen":"ü"}', { "x-hub-signature-256": signature }), NOW_MS).kind).toBe("authentic");
});

test.each([
  DOCS_SIGNATURE,
  `sha256=${DOCS_SIGNATURE.toUpperCase()}`,
  `SHA256=${DOCS_SIGNATURE}`,
  `sha256=${DOCS_SIGNATURE} `,
  `sha256=0${DOCS_SIGNATURE}`,
  `sha256=${DOCS_SIGNATURE}zz`,
  `sha256=${Buffer.from(DOCS_SIGNATURE, "hex").toString("base64")}`,
  "sha256=",
  "",
])("refuses the GitHub signature %j as malformed", (signature) => {
  expect(verdictOf({ "x-hub-signature-256": signature })).toEqual(rejected("signature_malformed"));
});

test.each([`${DOCS_SIGNATURE}00`, DOCS_SIGNATURE.slice(2), "00"])(
  "refuses the digest %s, which is longer or shorter than SHA-256",
  (digest) => {
    expect(verdictOf({ "x-hub-signature-256": `sha256=${digest}` })).toEqual(rejected("signature_mismatch"));
  },
);

test("ignores the SHA-1 signature header of GitHub", () => {
  const sha1 = hmac(DOCS_SECRET, "Hello, World!", "sha1").toString("hex");
  expect(verdictOf({ "x-hub-signature": `sha1=${sha1}` })).toEqual(rejected("signature_missing"));
  expect(verdictOf({ "x-hub-signature-256": `sha1=${sha1}` })).toEqual(rejected("signature_malformed"));
});

test("refuses a delivery with two delivery id headers", () => {
  const headers = [
    "X-Hub-Signature-256",
    `sha256=${DOCS_SIGNATURE}`,
    "X-GitHub-Delivery",
    "a",
    "x-github-delivery",
    "b",
  ];
  const verify = createVerifier(scheme, [{ value: DOCS_SECRET }]);
  expect(verify(request("Hello, World!", headers), NOW_MS)).toEqual(rejected("header_repeated"));
});

test("accepts each secret until its last millisecond and reports which one verified", () => {
  const headers = { "x-hub-signature-256": `sha256=${DOCS_SIGNATURE}` };
  const old = { value: DOCS_SECRET, notAfterMs: NOW_MS };
  expect(verdictOf(headers, [{ value: "new" }, old])).toEqual({ kind: "authentic", secretIndex: 1 });
  expect(verdictOf(headers, [{ value: "new" }, { ...old, notAfterMs: NOW_MS - 1 }])).toEqual(
    rejected("signature_mismatch"),
  );
  expect(verdictOf(headers, [{ ...old, notAfterMs: NOW_MS - 1 }])).toEqual(rejected("no_usable_secret"));
});

test("refuses every delivery if there is no secret or an empty one", () => {
  const headers = { "x-hub-signature-256": `sha256=${hmac("", "Hello, World!").toString("hex")}` };
  const decoy = { "x-hub-signature-256": `sha256=${hmac("decoy", "Hello, World!").toString("hex")}` };
  expect(verdictOf(headers, [])).toEqual(rejected("no_usable_secret"));
  expect(verdictOf(headers, [{ value: "" }])).toEqual(rejected("no_usable_secret"));
  expect(verdictOf(decoy, [])).toEqual(rejected("no_usable_secret"));
});
