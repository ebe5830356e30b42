import { expect, test } from "vitest";
import { presetScheme } from "../presets/index.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";
import { keptHeaders } from "./kept-headers.ts";

function kept(preset: string, headers: Record<string, string>, params: Record<string, string> = {}) {
  const request = new InboundRequest({
    method: "POST",
    url: "https://hooks.example/in",
    rawHeaders: Object.entries(headers).flat(),
    body: Buffer.from("{}"),
  });
  return keptHeaders(presetScheme(preset, params), request);
}

test("keeps the descriptive headers of a delivery under lower-case names", () => {
  expect(kept("github", { "X-GitHub-Event": "push", "User-Agent": "GitHub-Hookshot/1" })).toEqual({
    "x-github-event": "push",
    "user-agent": "GitHub-Hookshot/1",
  });
});

test("drops credentials and signatures from the kept headers, whatever their names", () => {
  const secret = "s3cret";
  const headers = [
    "authorization",
    "proxy-authorization",
    "cookie",
    "x-gitlab-token",
    "x-hook-secret",
    "x-api-key",
    "x-apikey",
    "webhook-signature",
    "x-hub-signature",
    "token",
    "x-db-password",
  ];
  const sent = Object.fromEntries(headers.map((name) => [name, secret]));
  expect(kept("gitlab", { ...sent, "x-gitlab-event": "Push Hook" }, { signing: "signature" })).toEqual({
    "x-gitlab-event": "Push Hook",
  });
});

test("drops the signatures of other versions and keys that a provider sends beside its own", () => {
  const others = [
    "x-hubspot-signature-v3",
    "x-docusign-signature-9",
    "x-hub-signature-256",
    "box-signature-secondary",
    "x-other-hmac-sha256",
  ];
  const sent = Object.fromEntries(others.map((name) => [name, "s"]));
  const described = { "x-hubspot-signature-version": "v1", "x-hubspot-request-timestamp": "1" };
  expect(kept("hubspot-v1", { ...sent, ...described })).toEqual(described);
});

test("drops the headers of a scheme's tokens and of its handshakes", () => {
  const scheme = checkScheme({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-sig" }], encoding: "hex" },
    content: ["body"],
    tokens: [{ header: "X-Old-Proof" }],
    challenges: [
      {
        when: [{ at: { header: "x-setup" } }],
        proof: "pending",
        capture: { from: { header: "x-setup" } },
        answer: { status: 200 },
      },
    ],
    type: { from: [{ body: "/type" }] },
  });
  const rawHeaders = ["x-sig", "1", "x-old-proof", "2", "x-setup", "3", "x-topic", "4"];
  const request = new InboundRequest({ method: "POST", url: "/", rawHeaders, body: Buffer.from("{}") });
  expect(keptHeaders(scheme, request)).toEqual({ "x-topic": "4" });
});

test("keeps at most 8 KiB of headers", () => {
  const sent = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`x-${n}`, "v".repeat(1_000)]));
  expect(JSON.stringify(kept("github", sent)).length).toBeLessThan(9_000);
});
