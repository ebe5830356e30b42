import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";
import { EVENT_PARAMS, eventFromParams } from "../selector-params.ts";

/** Standard Webhooks 1.0.0 with asymmetric signatures (`v1a`). The secret is the public key that the provider shows. */
export const standardWebhooksV1a: Preset = {
  description: "Standard Webhooks with ed25519 signatures; the secret is the public key, whpk_…",
  docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  params: EVENT_PARAMS,
  scheme: (params) => ({
    algorithm: "ed25519",
    secret: {
      encoding: "base64",
      prefix: "whpk_",
      other_prefixes: ["v1a,whpk_"],
      wrong_prefixes: ["whsec_", "whsk_", "v1,", "v1a,whsk_"],
    },
    signature: {
      from: [{ header: "webhook-signature", separator: " ", prefix: "v1a," }],
      encoding: "base64",
    },
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
