import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { readDelivery } from "../delivery.ts";
import { InboundRequest } from "../schemes/inbound-request.ts";
import { createVerifier } from "../schemes/verify.ts";
import { presetScheme } from "./index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);

function inbound(url: string, headers: Record<string, string>, body: string) {
  const rawHeaders = Object.entries(headers).flat();
  return new InboundRequest({ method: "POST", url, rawHeaders, body: Buffer.from(body) });
}

function verdictOf(preset: string, secret: string, request: InboundRequest) {
  return createVerifier(presetScheme(preset, {}), [{ value: secret }])(request, NOW_MS).kind;
}

test.each([
  ["https://hooks.example/in?a=1", "https://hooks.example/in?a=1"],
  ["https://hooks.example/in?a=1", "https://hooks.example:443/in?a=1"],
  ["https://hooks.example:443/in", "https://hooks.example/in"],
  ["https://hooks.example:8443/in", "https://hooks.example/in"],
  ["http://hooks.example/in", "http://hooks.example:80/in"],
  ["https://[2001:db8::1]:8443/in", "https://[2001:db8::1]/in"],
])("verifies Twilio's signature at %s where it signs %s", (called, signed) => {
  const signature = createHmac("sha1", "token").update(`${signed}CallSidCA1`).digest("base64");
  const request = inbound(called, { "x-twilio-signature": signature }, "CallSid=CA1");
  expect(verdictOf("twilio", "token", request)).toBe("authentic");
});

test.each([
  "https://hooks.example:444/in",
  "http://hooks.example/in",
  "https://other.example/in",
  "https://hooks.example/in2",
])("refuses Twilio's signature of another URL than the one called: %s", (signed) => {
  const signature = createHmac("sha1", "token").update(`${signed}CallSidCA1`).digest("base64");
  const request = inbound("https://hooks.example/in", { "x-twilio-signature": signature }, "CallSid=CA1");
  expect(verdictOf("twilio", "token", request)).toBe("rejected");
});

function hubspot(called: string, signed: string, body = "[]") {
  const time = String(NOW_MS);
  const signature = createHmac("sha256", "s").update(`POST${signed}${body}${time}`).digest("base64");
  const headers = { "x-hubspot-signature-v3": signature, "x-hubspot-request-timestamp": time };
  return inbound(called, { ...headers, "content-type": "application/json" }, body);
}

test.each([
  ["https://hooks.example/in?u=a%40b%3Ac", "https://hooks.example/in?u=a@b:c"],
  ["https://hooks.example/in?u=%21%24%27%28%29%2A%2C%3B%2F%3F", "https://hooks.example/in?u=!$'()*,;/?"],
  ["https://hooks.example/in?u=%3a", "https://hooks.example/in?u=:"],
  ["https://hooks.example/in?u=a%20b%26c", "https://hooks.example/in?u=a%20b%26c"],
  ["https://hooks.example/in?u=a%40b", "https://hooks.example/in?u=a%40b"],
])("verifies HubSpot's signature at %s, which it decodes to %s", (called, signed) => {
  expect(verdictOf("hubspot", "s", hubspot(called, signed))).toBe("authentic");
});

test("refuses HubSpot's signature of a URL with other characters decoded", () => {
  const called = "https://hooks.example/in?u=a%26b";
  expect(verdictOf("hubspot", "s", hubspot(called, "https://hooks.example/in?u=a&b"))).toBe("rejected");
});

test("verifies HubSpot's signature of a decoded URL over a long body", () => {
  const called = "https://hooks.example/in?u=a%40b";
  const body = JSON.stringify([{ text: "x".repeat(1_100_000) }]);
  const request = hubspot(called, "https://hooks.example/in?u=a@b", body);
  const verify = createVerifier(presetScheme("hubspot", {}), [{ value: "s" }]);
  for (let tries = 0; tries < 10; tries += 1) {
    try {
      expect(verify(request, NOW_MS).kind).toBe("authentic");
      return;
    } catch (error) {
      for (const _ of (error as { work(scheme: { pointers: "all" }): Iterable<void> }).work({
        pointers: "all",
      }));
    }
  }
  throw new Error("The work of the verifier never ended");
});

test("gives a HubSpot item without an id the same key under every spelling of the signed URL", () => {
  const keysAt = (url: string) => {
    const [event] = readDelivery(presetScheme("hubspot", {}), hubspot(url, url, '[{"a":1}]')).events;
    return event?.keys.map(({ key }) => key);
  };
  const plain = keysAt("https://hooks.example/in?u=a@b");
  expect(keysAt("https://hooks.example/in?u=a%40b")).toEqual(plain);
  expect(keysAt("https://hooks.example/in?u=a%41b")).not.toEqual(plain);
});

function mailgun(signedWith: { own: string; parent?: string }) {
  const timestamp = String(NOW_MS / 1_000);
  const sign = (key: string) => createHmac("sha256", key).update(`${timestamp}tok`).digest("hex");
  const signature = {
    timestamp,
    token: "tok",
    signature: sign(signedWith.own),
    ...(signedWith.parent !== undefined && { "parent-signature": sign(signedWith.parent) }),
  };
  const body = JSON.stringify({
    signature,
    "event-data": { event: "opened", timestamp: 1_521_472_262.908181 },
  });
  return inbound("https://hooks.example/in", { "content-type": "application/json" }, body);
}

test("verifies Mailgun's delivery of a subaccount with the key of either account", () => {
  const delivery = mailgun({ own: "sub-key", parent: "main-key" });
  expect(verdictOf("mailgun", "main-key", delivery)).toBe("authentic");
  expect(verdictOf("mailgun", "sub-key", delivery)).toBe("authentic");
  expect(verdictOf("mailgun", "other-key", delivery)).toBe("rejected");
  expect(verdictOf("mailgun", "main-key", mailgun({ own: "sub-key" }))).toBe("rejected");
});

test("reads the time of a Mailgun event, which has a fraction of a second", () => {
  const [event] = readDelivery(presetScheme("mailgun", {}), mailgun({ own: "k" })).events;
  expect([event?.type, event?.occurredAtMs]).toEqual(["opened", 1_521_472_262_908]);
});

test.each([
  [{ event_name: "project_create", project_id: 1 }, "project_create"],
  [{ object_kind: "merge_request", event_type: "merge_request" }, "merge_request"],
  [{ object_kind: "tag_push", event_name: "tag_push" }, "tag_push"],
  [{ project_id: 1 }, "System Hook"],
])("reads the type of the GitLab hook %j as %s", (body, type) => {
  const headers = { "content-type": "application/json", "x-gitlab-event": "System Hook" };
  const request = inbound("https://hooks.example/in", headers, JSON.stringify(body));
  expect(readDelivery(presetScheme("gitlab", {}), request).events[0]?.type).toBe(type);
});

test.each([1, 8, 9, 17, 40, 100])("verifies DocuSign's signature of key %i of as many", (key) => {
  const body = '{"event":"envelope-sent"}';
  const sign = (secret: string) => createHmac("sha256", secret).update(body).digest("base64");
  const headers = Object.fromEntries(
    Array.from({ length: key }, (_, index) => [
      `X-DocuSign-Signature-${index + 1}`,
      sign(`key-${index + 1}`),
    ]),
  );
  const request = inbound("https://hooks.example/in", headers, body);
  expect(verdictOf("docusign", `key-${key}`, request)).toBe("authentic");
  expect(verdictOf("docusign", "key-0", request)).toBe("rejected");
});
