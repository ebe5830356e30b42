import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** WooCommerce signs only the body. WordPress stores the secret as HTML and decodes it before it signs. */
export const woocommerce: Preset = {
  description: "WooCommerce: X-WC-Webhook-Signature, HMAC SHA-256 over the body",
  docs: "https://woocommerce.github.io/woocommerce-rest-api-docs/#webhooks",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    secret: { encoding: "html" },
    signature: { from: [{ header: "x-wc-webhook-signature" }], encoding: "base64" },
    content: ["body"],
    delivery_id: [{ header: "x-wc-webhook-delivery-id" }],
    type: { from: [{ header: "x-wc-webhook-topic" }] },
    // An action has no thing of its own, but the argument of its hook. Deletions have no time.
    subject: inBody("/id", "/arg"),
    occurred_at: { from: inBody("/date_modified_gmt", "/date_created_gmt"), unit: "iso8601" },
    account: [{ header: "x-wc-webhook-source" }],
    challenges: [
      // The unsigned form that is sent as a ping when a webhook is saved.
      {
        when: [
          { at: { header: "content-type" }, equals: "application/x-www-form-urlencoded" },
          { at: { body: "/webhook_id" } },
        ],
        proof: "none",
        answer: { status: 200 },
      },
    ],
  }),
  sample: {
    body: { id: 727, status: "processing", total: "29.35", date_modified_gmt: "2026-01-01T00:00:00" },
    headers: { "x-wc-webhook-topic": "order.updated", "x-wc-webhook-source": "https://shop.example/" },
  },
};
