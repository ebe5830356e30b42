import { verify as octokitVerify } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { HeadraceError } from "../../../domain/errors.ts";
import { presetScheme } from "../presets/index.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";
import type { SchemeInput } from "./scheme.ts";
import { signSample } from "./sign.ts";
import { createVerifier } from "./verify.ts";

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const body = Buffer.from('{"type":"order.paid","note":"é"}');
const type: SchemeInput["type"] = { from: [{ body: "/type" }] };

function sample(scheme: SchemeInput) {
  const nowMs = Date.UTC(2026, 10, 23, 12);
  return {
    scheme: checkScheme(scheme),
    secret: SECRET,
    body,
    nowMs,
    id: "msg_1",
    type: "pull_request.opened",
  };
}

test("signs a sample that the Standard Webhooks SDK accepts", () => {
  const nowMs = Date.now();
  const { headers } = signSample({ ...sample(presetScheme("standard-webhooks", {})), nowMs });
  expect(new Webhook(SECRET).verify(body.toString(), headers)).toEqual(JSON.parse(body.toString()));
});

test("signs a GitHub sample with event and delivery headers that octokit accepts", async () => {
  const { headers } = signSample(sample(presetScheme("github", {})));
  const { "x-hub-signature-256": signature, ...others } = headers;
  expect(others).toEqual({ "x-github-delivery": "msg_1", "x-github-event": "pull_request" });
  expect(await octokitVerify(SECRET, body.toString(), signature as string)).toBe(true);
});

const list = (prefix: string) => ({ header: "paddle-signature", separator: ";", prefix });

test.each<[string, SchemeInput]>([
  [
    "a list header",
    {
      algorithm: "hmac-sha256",
      signature: { from: [list("h1=")], encoding: "hex" },
      timestamp: { from: [list("ts=")], unit: "s" },
      content: ["timestamp", { literal: ":" }, "body"],
      type,
    },
  ],
  [
    "method and URL",
    {
      algorithm: "hmac-sha1",
      signature: { from: [{ header: "x-sig", prefix: "sha1=" }], encoding: "base64" },
      content: ["method", "url", "body"],
      type,
    },
  ],
  ["a token", { algorithm: "token", signature: { from: [{ header: "x-token" }], encoding: "text" }, type }],
  [
    "a hash",
    {
      algorithm: "sha256-prefixed",
      signature: { from: [{ header: "x-sig" }], encoding: "hex" },
      content: ["body"],
      type,
    },
  ],
])("signs a sample with %s that the verifier accepts", (_name, scheme) => {
  const signing = { ...sample(scheme), method: "PUT", url: "https://hooks.example/in?x=1" };
  const rawHeaders = Object.entries(signSample(signing).headers).flat();
  const request = new InboundRequest({ method: "PUT", url: signing.url, rawHeaders, body });
  expect(createVerifier(signing.scheme, [{ value: SECRET }])(request, signing.nowMs).kind).toBe("authentic");
});

test("signs hmac-sha256 samples with the headers that the params name", () => {
  const scheme = presetScheme("hmac-sha256", {
    header: "X-Sig",
    timestamp_header: "X-Time",
    timestamp_unit: "rfc3339",
    id_header: "X-Id",
    type_header: "X-Type",
  });
  expect(signSample(sample(scheme)).headers).toEqual({
    "X-Sig": expect.stringMatching(/^[0-9a-f]{64}$/),
    "X-Time": "2026-11-23T12:00:00.000Z",
    "X-Id": "msg_1",
    "X-Type": "pull_request.opened",
  });
});

test("signs nothing for a scheme without a signature", () => {
  expect(signSample(sample({ algorithm: "none", type })).headers).toEqual({});
});

test.each<[string, SchemeInput]>([
  [
    "the provider's private key signs",
    {
      algorithm: "ed25519",
      signature: { from: [{ header: "x" }], encoding: "hex" },
      content: ["body"],
      type,
    },
  ],
  [
    "the signature belongs into a body without the object for it",
    {
      algorithm: "hmac-sha256",
      signature: { from: [{ body: "/a/sig" }], encoding: "hex" },
      content: ["body"],
      type,
    },
  ],
  [
    "the signed content is not in the sample",
    {
      algorithm: "hmac-sha256",
      signature: { from: [{ header: "x" }], encoding: "hex" },
      content: ["id", "body"],
      delivery_id: [{ body: "/id" }],
      type,
    },
  ],
])("refuses to sign a sample: %s", (_name, scheme) => {
  expect(() => signSample(sample(scheme))).toThrow(HeadraceError);
});
