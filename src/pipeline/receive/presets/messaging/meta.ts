import { inItem } from "../places.ts";
import type { Preset } from "../preset.ts";

/**
 * Meta (Facebook, Instagram, WhatsApp) signs only the body, with the secret of the app, and batches several entries.
 */
export const meta: Preset = {
  description: "Meta and WhatsApp: X-Hub-Signature-256, HMAC SHA-256 over the body",
  docs: "https://developers.facebook.com/docs/graph-api/webhooks/getting-started",
  notes: [
    "Each change and each message of an entry is an event, with only this one in the lists of its entry.",
  ],
  params: {
    verify_token: {
      description: "The token that Meta sends when it checks that the URL is yours",
      pattern: /^.{1,256}$/,
    },
  },
  scheme: ({ verify_token }) => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hub-signature-256", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    items: ["/entry"],
    // WhatsApp lists messages and their statuses in the value of a change.
    nested: [
      ["/changes", "/messaging", "/standby"],
      ["/value/messages", "/value/statuses"],
    ],
    type: { from: [{ body: "/object" }], suffix: { item: "/changes/0/field" } },
    subject: inItem(
      "/changes/0/value/messages/0/id",
      "/changes/0/value/statuses/0/id",
      "/messaging/0/message/mid",
      "/messaging/0/message_edit/mid",
      "/messaging/0/reaction/mid",
      "/messaging/0/postback/mid",
      "/messaging/0/read/mid",
      "/messaging/0/sender/id",
      "/standby/0/message/mid",
      "/standby/0/sender/id",
      "/changes/0/value/leadgen_id",
      "/changes/0/value/comment_id",
      "/changes/0/value/post_id",
      "/changes/0/value/media_id",
      "/changes/0/value/message_template_id",
      "/changes/0/value/id",
      "/id",
    ),
    // An entry has seconds or milliseconds. Milliseconds as seconds are beyond every year.
    occurred_at: [
      {
        from: inItem(
          "/changes/0/value/messages/0/timestamp",
          "/changes/0/value/statuses/0/timestamp",
          "/changes/0/value/created_time",
        ),
        unit: "s",
      },
      { from: inItem("/messaging/0/timestamp", "/standby/0/timestamp"), unit: "ms" },
      { from: inItem("/time"), unit: "s" },
      { from: inItem("/time"), unit: "ms" },
    ],
    account: [{ item: "/id" }],
    challenges: [
      {
        method: "GET",
        when: [{ at: { query: "hub.mode" }, equals: "subscribe" }],
        // Meta signs no GET, so without a token every GET is refused like one with a wrong token.
        proof:
          verify_token === undefined
            ? "signature"
            : { token: { query: "hub.verify_token" }, equals: verify_token },
        answer: { status: 200, content_type: "text/plain", text: { query: "hub.challenge" } },
      },
    ],
    retry_span_s: 129_600,
  }),
  sample: {
    body: {
      object: "page",
      entry: [
        {
          id: "123",
          time: 1_767_225_600,
          changes: [{ field: "feed", value: { item: "post", verb: "add", post_id: "123_456" } }],
        },
      ],
    },
    params: { verify_token: "a-verify-token" },
  },
};
