import { expect, test } from "vitest";
import { presetScheme } from "../presets/index.ts";
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

test("keeps at most 8 KiB of headers", () => {
  const sent = Object.fromEntries(Array.from({ length: 20 }, (_, n) => [`x-${n}`, "v".repeat(1_000)]));
  expect(JSON.stringify(kept("github", sent)).length).toBeLessThan(9_000);
});
