import type { Preset } from "../preset.ts";

/** Asana sends the secret in the first request, while the call that creates the webhook is still open. */
export const asana: Preset = {
  description: "Asana: X-Hook-Signature, HMAC SHA-256 over the body",
  docs: "https://developers.asana.com/docs/webhooks-guide",
  notes: ["Create the endpoint without a secret, then the webhook: Asana sends its secret in a handshake."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hook-signature" }], encoding: "hex" },
    content: ["body"],
    items: ["/events"],
    type: { from: [{ item: "/resource/resource_type" }], suffix: { item: "/action" } },
    subject: [{ item: "/resource/gid" }],
    occurred_at: { from: [{ item: "/created_at" }], unit: "rfc3339" },
    challenges: [
      {
        method: "POST",
        when: [{ at: { header: "x-hook-secret" } }],
        proof: "pending",
        capture: { from: { header: "x-hook-secret" } },
        answer: { status: 200, headers: { "x-hook-secret": { header: "x-hook-secret" } } },
      },
    ],
    retry_span_s: 86_400,
  }),
  sample: {
    body: {
      events: [
        {
          action: "changed",
          created_at: "2026-01-01T00:00:00.000Z",
          resource: { gid: "1", resource_type: "task" },
          user: { gid: "2" },
        },
      ],
    },
  },
};
