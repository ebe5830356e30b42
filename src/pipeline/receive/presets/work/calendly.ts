import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Calendly signs time and body. */
export const calendly: Preset = {
  description: "Calendly: Calendly-Webhook-Signature t=…,v1=…, HMAC SHA-256 over t.body",
  docs: "https://developer.calendly.com/api-docs/4c305798a61d3-webhook-signatures",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: {
      from: [{ header: "calendly-webhook-signature", separator: ",", prefix: "v1=" }],
      encoding: "hex",
    },
    timestamp: { from: [{ header: "calendly-webhook-signature", separator: ",", prefix: "t=" }], unit: "s" },
    content: ["timestamp", { literal: "." }, "body"],
    type: { from: [{ body: "/event" }] },
    subject: inBody("/payload/uri", "/payload/invitee", "/payload/event", "/payload/email"),
    occurred_at: { from: [{ body: "/created_at" }], unit: "rfc3339" },
  }),
  sample: {
    body: {
      event: "invitee.created",
      created_at: "2026-01-01T00:00:00.000000Z",
      payload: {
        uri: "https://api.calendly.com/scheduled_events/AAA/invitees/BBB",
        email: "a@b.example",
      },
    },
  },
};
