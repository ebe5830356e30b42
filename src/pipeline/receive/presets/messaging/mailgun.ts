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
    signature: { from: [{ body: "/signature/signature" }], encoding: "hex" },
    timestamp: { from: [{ body: "/signature/timestamp" }], unit: "s" },
    // The signature of a subaccount's parent: both sign any data for as long as the time is fresh.
    tokens: [{ body: "/signature/parent-signature" }, { body: "/parent-signature" }],
    content: ["timestamp", "id"],
    body_unsigned: true,
    delivery_id: [{ body: "/signature/token" }],
    type: { from: [{ body: "/event-data/event" }] },
  }),
  sample: {
    body: {
      signature: { timestamp: "1767225600", token: "t", signature: "s" },
      "event-data": { event: "delivered", id: "CPgfbmQMTCKtHW6uIWtuVe", recipient: "a@b.example" },
    },
  },
};
