import type { Preset } from "../preset.ts";

/**
 * GitHub signs only the body: no time, no event name and no delivery id. A delivery can be redelivered by hand for
 * three days under the same id.
 */
export const github: Preset = {
  description: "GitHub: X-Hub-Signature-256, HMAC SHA-256 over the body",
  docs: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
  notes: ["GitHub does not retry by itself: failed deliveries are redelivered by hand or through its API."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hub-signature-256", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ header: "x-github-delivery" }],
    type: { from: [{ header: "x-github-event" }], suffix: { body: "/action" } },
    account: [{ body: "/installation/id" }],
    challenges: [
      {
        when: [{ at: { header: "x-github-event" }, equals: "ping" }],
        proof: "signature",
        answer: { status: 200 },
      },
    ],
    body_limit_bytes: 26_214_400,
  }),
  sample: { body: { action: "opened", number: 7, pull_request: { title: "Fix the gate" } } },
};
