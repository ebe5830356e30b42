import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";
import { EVENT_PARAMS, eventFromParams } from "../selector-params.ts";

/** Svix, the service behind many providers: Standard Webhooks with its own header names beside the standard ones. */
export const svix: Preset = {
  description: "Svix: svix-id, svix-timestamp and svix-signature (or webhook-…) headers, HMAC SHA-256",
  docs: "https://docs.svix.com/receiving/verifying-payloads/how-manual",
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
    signature: {
      from: [
        { header: "svix-signature", separator: " ", prefix: "v1," },
        { header: "webhook-signature", separator: " ", prefix: "v1," },
      ],
      encoding: "base64",
    },
    timestamp: { from: [{ header: "svix-timestamp" }, { header: "webhook-timestamp" }], unit: "s" },
    content: ["id", { literal: "." }, "timestamp", { literal: "." }, "body"],
    delivery_id: [{ header: "svix-id" }, { header: "webhook-id" }],
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
