import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Stripe signs time and body. During a secret rollover a delivery has one signature per secret. */
export const stripe: Preset = {
  description: "Stripe: Stripe-Signature t=…,v1=…, HMAC SHA-256 over t.body",
  docs: "https://docs.stripe.com/webhooks/signatures",
  notes: [
    "The secret includes its whsec_ prefix, as Stripe shows it.",
    "account is the connected account, acct_…, of Connect webhooks, or the context of thin events.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    // API keys, and the id of the endpoint, which stands beside its secret.
    secret: { encoding: "text", wrong_prefixes: ["sk_", "rk_", "pk_", "we_"] },
    signature: { from: [{ header: "stripe-signature", separator: ",", prefix: "v1=" }], encoding: "hex" },
    timestamp: { from: [{ header: "stripe-signature", separator: ",", prefix: "t=" }], unit: "s" },
    content: ["timestamp", { literal: "." }, "body"],
    delivery_id: [{ body: "/id" }],
    type: { from: [{ body: "/type" }] },
    // An upcoming invoice has no id of its own, and a thin event has only a reference.
    subject: inBody(
      "/data/object/id",
      "/related_object/id",
      "/data/object/subscription",
      "/data/object/customer",
    ),
    // Thin events have RFC 3339 times and name their account in context.
    occurred_at: [
      { from: [{ body: "/created" }], unit: "s" },
      { from: [{ body: "/created" }], unit: "rfc3339" },
    ],
    account: [{ body: "/account" }, { body: "/context" }],
  }),
  sample: {
    body: {
      id: "evt_1",
      type: "invoice.paid",
      created: 1_767_225_600,
      data: { object: { id: "in_1", total: 4200 } },
    },
  },
};
