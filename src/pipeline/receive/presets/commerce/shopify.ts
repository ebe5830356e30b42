import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Shopify signs only the body, with the secret of the app, which is the same for all shops. */
export const shopify: Preset = {
  description: "Shopify: X-Shopify-Hmac-Sha256, HMAC SHA-256 over the body",
  docs: "https://shopify.dev/docs/apps/build/webhooks/subscribe/https",
  notes: [
    "The shop is in a header that Shopify does not sign: anyone with a signed body of one shop can present it as another shop's.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-shopify-hmac-sha256" }], encoding: "base64" },
    content: ["body"],
    delivery_id: [{ header: "x-shopify-event-id" }, { header: "x-shopify-webhook-id" }],
    type: { from: [{ header: "x-shopify-topic" }] },
    occurred_at: { from: [{ header: "x-shopify-triggered-at" }], unit: "rfc3339" },
    // A deletion has the id alone.
    subject: inBody(
      "/id",
      "/admin_graphql_api_id",
      "/inventory_item_id",
      "/app_subscription/admin_graphql_api_id",
      "/customer/id",
      "/token",
    ),
    account: [{ header: "x-shopify-shop-domain" }],
    retry_span_s: 14_400,
    body_limit_bytes: 5_242_880,
  }),
  sample: {
    body: {
      id: 820982911,
      admin_graphql_api_id: "gid://shopify/Order/820982911",
      email: "buyer@shop.example",
      total_price: "403.00",
    },
    headers: {
      "x-shopify-topic": "orders/create",
      "x-shopify-shop-domain": "one.myshopify.com",
      "x-shopify-triggered-at": "2026-01-01T00:00:00.123456789Z",
    },
  },
};
