import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";
import { EVENT_PARAMS, eventFromParams } from "../selector-params.ts";

/** Standard Webhooks 1.0.0, symmetric signatures (`v1`). Providers retry for days under the same webhook-id. */
export const standardWebhooks: Preset = {
  description: "Standard Webhooks: webhook-id, webhook-timestamp and webhook-signature headers, HMAC SHA-256",
  docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  params: EVENT_PARAMS,
  scheme: (params) => ({
    algorithm: "hmac-sha256",
    secret: {
      encoding: "base64",
      prefix: "whsec_",
      // Some providers show the secret with the version of its signatures.
      other_prefixes: ["v1,whsec_"],
      wrong_prefixes: ["whpk_", "whsk_", "v1a,"],
    },
    signature: { from: [{ header: "webhook-signature", separator: " ", prefix: "v1," }], encoding: "base64" },
    timestamp: { from: [{ header: "webhook-timestamp" }], unit: "s" },
    content: ["id", { literal: "." }, "timestamp", { literal: "." }, "body"],
    delivery_id: [{ header: "webhook-id" }],
    type: { from: [{ body: "/type" }] },
    // The specification names no place for the thing, but shows it here.
    ...eventFromParams(params, { subject: inBody("/data/id"), occurred_at: inBody("/timestamp") }),
    // The retry schedule in the specification ends after 75 hours.
    retry_span_s: 345_600,
  }),
  sample: {
    body: {
      type: "order.created",
      timestamp: "2026-01-01T00:00:00Z",
      data: { id: "order_1", status: "completed" },
    },
  },
};
