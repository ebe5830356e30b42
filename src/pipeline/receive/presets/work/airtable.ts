import type { Preset } from "../preset.ts";

/** Airtable signs only a ping. The changes are fetched with a cursor afterwards. */
export const airtable: Preset = {
  description: "Airtable: X-Airtable-Content-MAC, HMAC SHA-256 over the body",
  docs: "https://airtable.com/developers/web/api/webhooks-overview",
  notes: ["The secret is macSecretBase64, as the API shows it."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    secret: { encoding: "base64", strict: true },
    signature: { from: [{ header: "x-airtable-content-mac", prefix: "hmac-sha256=" }], encoding: "hex" },
    content: ["body"],
    type: { from: [{ literal: "webhook" }] },
    occurred_at: { from: [{ body: "/timestamp" }], unit: "rfc3339" },
    // A ping names no change, only the base that has some.
    subject: [{ body: "/base/id" }],
    account: [{ body: "/base/id" }],
    ack: { status: 200, body: "empty" },
  }),
  sample: { body: { base: { id: "app1" }, webhook: { id: "ach1" }, timestamp: "2026-01-01T00:00:00.000Z" } },
};
