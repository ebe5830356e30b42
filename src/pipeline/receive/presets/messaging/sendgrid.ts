import { inItem } from "../places.ts";
import type { Preset } from "../preset.ts";

/** SendGrid signs time and body with ECDSA. The secret is the public key that it shows. */
export const sendgrid: Preset = {
  description: "SendGrid: X-Twilio-Email-Event-Webhook-Signature, ECDSA P-256 over time and body",
  docs: "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features",
  params: {},
  scheme: () => ({
    algorithm: "ecdsa-p256-sha256",
    secret: { encoding: "base64" },
    signature: { from: [{ header: "x-twilio-email-event-webhook-signature" }], encoding: "base64" },
    timestamp: { from: [{ header: "x-twilio-email-event-webhook-timestamp" }], unit: "s" },
    content: ["timestamp", "body"],
    items: [""],
    delivery_id: [{ item: "/sg_event_id" }],
    type: { from: [{ item: "/event" }] },
    subject: inItem("/sg_message_id", "/email"),
    occurred_at: { from: [{ item: "/timestamp" }], unit: "s" },
  }),
  sample: {
    body: [
      {
        email: "a@b.example",
        timestamp: 1_767_225_600,
        event: "delivered",
        sg_event_id: "ZGVs",
        sg_message_id: "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0",
      },
    ],
  },
};
