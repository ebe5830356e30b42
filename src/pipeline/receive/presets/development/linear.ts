import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Linear signs the body, which contains the time. */
export const linear: Preset = {
  description: "Linear: Linear-Signature, HMAC SHA-256 over the body",
  docs: "https://linear.app/developers/webhooks",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "linear-signature" }], encoding: "hex" },
    timestamp: { from: [{ body: "/webhookTimestamp" }], unit: "ms", retries_keep_time: true },
    // Linear retries after one minute, one hour and six hours with the same bytes.
    retry_span_s: 28_800,
    content: ["body"],
    delivery_id: [{ header: "linear-delivery" }],
    type: { from: [{ body: "/type" }], suffix: { body: "/action" } },
    occurred_at: { from: [{ body: "/createdAt" }], unit: "rfc3339" },
    // People name an issue by its identifier, such as ENG-1. All other things have an id.
    subject: inBody(
      "/data/identifier",
      "/issueData/identifier",
      "/data/id",
      "/agentSession/id",
      "/notification/issueId",
      "/notification/id",
      "/url",
      "/oauthClientId",
    ),
    account: [{ body: "/organizationId" }],
    body_limit_bytes: 5_242_880,
  }),
  sample: {
    body: {
      type: "Issue",
      action: "create",
      createdAt: "2026-01-01T00:00:00.000Z",
      organizationId: "o1",
      webhookTimestamp: 1_767_225_600_000,
      data: { id: "2174add1-f7c8-44e3-bbf3-2d60b5ea8bc9", identifier: "ENG-1" },
    },
  },
};
