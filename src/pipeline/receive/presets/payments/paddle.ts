import type { Preset } from "../preset.ts";

/** Paddle Billing signs time and body. */
export const paddle: Preset = {
  description: "Paddle: Paddle-Signature ts=…;h1=…, HMAC SHA-256 over ts:body",
  docs: "https://developer.paddle.com/webhooks/signature-verification",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "paddle-signature", separator: ";", prefix: "h1=" }], encoding: "hex" },
    timestamp: { from: [{ header: "paddle-signature", separator: ";", prefix: "ts=" }], unit: "s" },
    content: ["timestamp", { literal: ":" }, "body"],
    delivery_id: [{ body: "/event_id" }],
    type: { from: [{ body: "/event_type" }] },
    subject: [{ body: "/data/id" }],
    occurred_at: { from: [{ body: "/occurred_at" }], unit: "rfc3339" },
  }),
  sample: {
    body: {
      event_id: "evt_1",
      event_type: "transaction.completed",
      occurred_at: "2026-01-01T00:00:00.000000Z",
      notification_id: "ntf_1",
      data: { id: "txn_1" },
    },
  },
};
