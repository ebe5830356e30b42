import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** PagerDuty (version 3) sends one signature of the body per secret of the subscription. */
export const pagerduty: Preset = {
  description: "PagerDuty: X-PagerDuty-Signature v1=…, HMAC SHA-256 over the body",
  docs: "https://developer.pagerduty.com/docs/verifying-webhook-signatures",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: {
      from: [{ header: "x-pagerduty-signature", separator: ",", prefix: "v1=" }],
      encoding: "hex",
    },
    content: ["body"],
    delivery_id: [{ body: "/event/id" }],
    type: { from: [{ body: "/event/event_type" }] },
    // The notes, updates and responders of an incident have it in their data.
    subject: inBody("/event/data/incident/id", "/event/data/id"),
    occurred_at: { from: [{ body: "/event/occurred_at" }], unit: "rfc3339" },
  }),
  sample: {
    body: {
      event: {
        id: "01BR",
        event_type: "incident.triggered",
        occurred_at: "2026-01-01T00:00:00.000Z",
        data: { id: "PGR0VU2" },
      },
    },
  },
};
