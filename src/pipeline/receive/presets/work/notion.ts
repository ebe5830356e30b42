import type { Preset } from "../preset.ts";

/**
 * Notion signs the body with a token that it sends unsigned when the subscription is created. A person pastes it back.
 */
export const notion: Preset = {
  description: "Notion: X-Notion-Signature, HMAC SHA-256 over the body",
  docs: "https://developers.notion.com/reference/webhooks",
  notes: [
    "Create the endpoint without a secret, then the subscription; GET …/handshake shows the token to paste into Notion.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-notion-signature", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ body: "/id" }],
    type: { from: [{ body: "/type" }] },
    subject: [{ body: "/entity/id" }],
    occurred_at: { from: [{ body: "/timestamp" }], unit: "rfc3339" },
    account: [{ body: "/workspace_id" }],
    challenges: [
      {
        when: [{ at: { body: "/verification_token" } }],
        proof: "pending",
        capture: { from: { body: "/verification_token" }, show: true },
        answer: { status: 200 },
      },
    ],
  }),
  sample: {
    body: {
      id: "367cba44-b6f3-4c92-81e7-6a2e9659efd4",
      type: "page.created",
      timestamp: "2026-01-01T00:00:00.000Z",
      workspace_id: "w1",
      entity: { id: "p1", type: "page" },
    },
  },
};
