import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** PayPal signs an id, a time, the webhook id and a checksum of the body, with the key of a certificate. */
export const paypal: Preset = {
  description: "PayPal: PAYPAL-TRANSMISSION-SIG, RSA SHA-256 over id, time, webhook id and CRC32",
  docs: "https://developer.paypal.com/api/rest/webhooks/rest/",
  notes: [
    "The secret is the certificate at PAYPAL-CERT-URL, or its public key, in PEM. Headrace never fetches it, because the sender chooses that URL. When PayPal renews it, add the new one with rotate.",
    "CRC32 is not a cryptographic hash: a different body with the same checksum can be made. Fetch the event by its id before money moves.",
  ],
  params: {
    webhook_id: {
      description: "The id of the webhook at PayPal, which is part of the signed content",
      default: "unset",
      pattern: /^[A-Za-z0-9-]{1,64}$/,
    },
  },
  scheme: ({ webhook_id = "unset" }) => ({
    algorithm: "rsa-sha256",
    signature: { from: [{ header: "paypal-transmission-sig" }], encoding: "base64" },
    timestamp: { from: [{ header: "paypal-transmission-time" }], unit: "rfc3339" },
    content: [
      "id",
      { literal: "|" },
      "timestamp",
      { literal: "|" },
      { literal: webhook_id },
      { literal: "|" },
      "body_crc32",
    ],
    body_unsigned: true,
    delivery_id: [{ header: "paypal-transmission-id" }],
    type: { from: [{ body: "/event_type" }] },
    subject: inBody(
      "/resource/id",
      "/resource/dispute_id",
      "/resource/invoice/id",
      "/resource/payout_item_id",
      "/resource/batch_header/payout_batch_id",
      "/resource/merchant_id",
    ),
    occurred_at: { from: [{ body: "/create_time" }], unit: "rfc3339" },
  }),
  sample: {
    body: {
      id: "WH-1",
      event_type: "PAYMENT.CAPTURE.COMPLETED",
      create_time: "2026-01-01T00:00:00.000Z",
      resource: { id: "c1", amount: { value: "7.47" } },
    },
    params: { webhook_id: "1JE4291016473214C" },
  },
};
