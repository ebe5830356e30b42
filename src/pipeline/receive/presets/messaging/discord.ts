import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/**
 * Discord signs time and body with ed25519. The secret is the public key of the app. It probes with wrong signatures.
 */
export const discord: Preset = {
  description: "Discord webhook events: X-Signature-Ed25519, ed25519 over time and body",
  docs: "https://discord.com/developers/docs/events/webhook-events",
  params: {},
  scheme: () => ({
    algorithm: "ed25519",
    secret: { encoding: "hex" },
    signature: { from: [{ header: "x-signature-ed25519" }], encoding: "hex" },
    timestamp: { from: [{ header: "x-signature-timestamp" }], unit: "s" },
    content: ["timestamp", "body"],
    type: { from: [{ body: "/event/type" }] },
    // Discord writes the time with and without a zone.
    occurred_at: { from: [{ body: "/event/timestamp" }], unit: "iso8601" },
    subject: inBody("/event/data/id", "/event/data/user/id"),
    account: [{ body: "/application_id" }],
    challenges: [
      { when: [{ at: { body: "/type" }, equals: "0" }], proof: "signature", answer: { status: 204 } },
    ],
    ack: { status: 204, body: "empty" },
  }),
  sample: {
    body: {
      version: 1,
      application_id: "1234560123453231555",
      type: 1,
      event: {
        type: "APPLICATION_AUTHORIZED",
        timestamp: "2026-01-01T00:00:00.000000",
        data: { integration_type: 1, user: { id: "80351110224678912", username: "nelly" } },
      },
    },
  },
};
