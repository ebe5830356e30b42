import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/**
 * Zoom signs version, time and body. Every 72 hours it requests an HMAC of a token, and stops sending if it is wrong.
 */
export const zoom: Preset = {
  description: "Zoom: x-zm-signature, HMAC SHA-256 over v0:time:body",
  docs: "https://developers.zoom.us/docs/api/webhooks/#verify-webhook-events",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-zm-signature", prefix: "v0=" }], encoding: "hex" },
    timestamp: { from: [{ header: "x-zm-request-timestamp" }], unit: "s" },
    content: [{ literal: "v0:" }, "timestamp", { literal: ":" }, "body"],
    type: { from: [{ body: "/event" }] },
    occurred_at: { from: [{ body: "/event_ts" }], unit: "ms" },
    subject: inBody(
      "/payload/object/id",
      "/payload/object/uuid",
      "/payload/object/call_id",
      "/payload/object/engagement_id",
      "/payload/object/message_id",
      "/payload/object/channel_id",
      "/payload/object/user_id",
      "/payload/user_id",
    ),
    account: [{ body: "/payload/account_id" }],
    challenges: [
      {
        when: [{ at: { body: "/event" }, equals: "endpoint.url_validation" }],
        proof: "signature",
        answer: {
          status: 200,
          content_type: "application/json",
          json: {
            plainToken: { body: "/payload/plainToken" },
            encryptedToken: { hmac_hex: { body: "/payload/plainToken" } },
          },
        },
      },
    ],
    retry_span_s: 7_200,
  }),
  sample: {
    body: {
      event: "meeting.started",
      event_ts: 1_767_225_600_000,
      payload: { account_id: "AAA", object: { id: "85746065432", topic: "Standup" } },
    },
  },
};
