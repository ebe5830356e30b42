import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Intercom signs only the body, with HMAC SHA-1 and the secret of the app. */
export const intercom: Preset = {
  description: "Intercom: X-Hub-Signature, HMAC SHA-1 over the body",
  docs: "https://developers.intercom.com/docs/webhooks/webhook-models",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha1",
    signature: { from: [{ header: "x-hub-signature", prefix: "sha1=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ body: "/id" }],
    type: { from: [{ body: "/topic" }] },
    occurred_at: { from: [{ body: "/created_at" }], unit: "s" },
    subject: inBody(
      "/data/item/id",
      "/data/item/conversation/id",
      "/data/item/contact/id",
      "/data/item/user/id",
      "/data/item/company/id",
      "/data/item/tag/id",
    ),
    account: [{ body: "/app_id" }],
    challenges: [
      { when: [{ at: { body: "/topic" }, equals: "ping" }], proof: "signature", answer: { status: 200 } },
    ],
  }),
  sample: {
    body: {
      type: "notification_event",
      app_id: "a86dr8yl",
      id: "notif_1",
      topic: "conversation.user.created",
      created_at: 1_767_225_600,
      data: { type: "notification_event_data", item: { type: "conversation", id: "215468600" } },
    },
  },
};
