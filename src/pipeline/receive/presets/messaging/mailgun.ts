import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Mailgun signs a time and a one-time token, but not the data of the event. */
export const mailgun: Preset = {
  description: "Mailgun: a signature in the body, HMAC SHA-256 over time and token",
  docs: "https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks",
  notes: [
    "The signature does not cover the data: fetch important values from the API of Mailgun before you act on them.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: {
      // A delivery for a subaccount is signed with the key of the primary account too.
      from: [{ body: "/signature/signature" }, { body: "/signature/parent-signature" }],
      encoding: "hex",
    },
    timestamp: { from: [{ body: "/signature/timestamp" }], unit: "s", retries_keep_time: true },
    // Mailgun retries for a little more than eight hours; the token is used once.
    retry_span_s: 32_400,
    // The signature of a subaccount's parent: both sign any data for as long as the time is fresh.
    tokens: [{ body: "/signature/parent-signature" }, { body: "/parent-signature" }],
    content: ["timestamp", "id"],
    body_unsigned: true,
    delivery_id: [{ body: "/signature/token" }],
    type: { from: [{ body: "/event-data/event" }] },
    subject: inBody(
      "/event-data/message/headers/message-id",
      "/event-data/message/id",
      "/event-data/recipient",
    ),
    occurred_at: { from: [{ body: "/event-data/timestamp" }], unit: "s" },
  }),
  sample: {
    body: {
      signature: { timestamp: "1767225600", token: "t", signature: "s" },
      "event-data": {
        event: "delivered",
        timestamp: 1_767_225_600.908181,
        id: "CPgfbmQMTCKtHW6uIWtuVe",
        recipient: "a@b.example",
        message: { headers: { "message-id": "20260101000000.1.5D9C3@mail.example" } },
      },
    },
  },
};
