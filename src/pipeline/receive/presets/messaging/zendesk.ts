import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Zendesk signs time and body with nothing between them. */
export const zendesk: Preset = {
  description: "Zendesk: X-Zendesk-Webhook-Signature, HMAC SHA-256 over time and body",
  docs: "https://developer.zendesk.com/documentation/event-connectors/webhooks/verifying/",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-zendesk-webhook-signature" }], encoding: "base64" },
    timestamp: { from: [{ header: "x-zendesk-webhook-signature-timestamp" }], unit: "rfc3339" },
    content: ["timestamp", "body"],
    delivery_id: [{ header: "x-zendesk-webhook-invocation-id" }],
    type: { from: [{ body: "/type" }, { literal: "webhook" }] },
    occurred_at: { from: [{ body: "/time" }], unit: "rfc3339" },
    // The body of a trigger or automation is what its author wrote: often the ticket.
    subject: inBody("/detail/id", "/detail/agent_id", "/ticket/id", "/ticket_id", "/subject"),
    account: [{ body: "/account_id" }, { header: "x-zendesk-account-id" }],
  }),
  sample: {
    body: {
      type: "zen:event-type:user.created",
      account_id: 22129848,
      id: "b1",
      time: "2026-01-01T00:00:00Z",
      subject: "zen:user:6596848315901",
      detail: { id: "6596848315901", role: "end-user" },
      event: {},
    },
  },
};
