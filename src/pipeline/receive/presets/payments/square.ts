import type { Preset } from "../preset.ts";

/** Square signs the public URL and the body. */
export const square: Preset = {
  description: "Square: x-square-hmacsha256-signature, HMAC SHA-256 over URL and body",
  docs: "https://developer.squareup.com/docs/webhooks/step3validate",
  notes: ["The signature covers the URL: set HEADRACE_PUBLIC_URL to the URL that Square calls."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-square-hmacsha256-signature" }], encoding: "base64" },
    content: ["url", "body"],
    delivery_id: [{ body: "/event_id" }],
    type: { from: [{ body: "/type" }] },
    subject: [{ body: "/data/id" }],
    occurred_at: { from: [{ body: "/created_at" }], unit: "rfc3339" },
    account: [{ body: "/merchant_id" }],
  }),
  sample: {
    body: {
      merchant_id: "M1",
      type: "payment.created",
      event_id: "e1",
      created_at: "2026-01-01T00:00:00Z",
      data: { type: "payment", id: "p1" },
    },
  },
};
