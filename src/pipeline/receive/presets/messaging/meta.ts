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
      entry: [{ id: "123", time: 1_767_225_600, changes: [{ field: "feed", value: { item: "post" } }] }],
    },
    params: { verify_token: "a-verify-token" },
  },
};
