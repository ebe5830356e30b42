import type { Preset } from "../preset.ts";

/** Dropbox signs a list of accounts with changes. Equal lists are different notifications. */
export const dropbox: Preset = {
  description: "Dropbox: X-Dropbox-Signature, HMAC SHA-256 over the body",
  docs: "https://www.dropbox.com/developers/reference/webhooks",
  notes: ["Every delivery is an event, also one that Dropbox repeats: it says only that something changed."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-dropbox-signature" }], encoding: "hex" },
    content: ["body"],
    items: ["/list_folder/accounts"],
    type: { from: [{ literal: "list_folder" }] },
    // The account whose files changed. Dropbox names neither a file nor a time.
    subject: [{ item: "" }],
    account: [{ item: "" }],
    challenges: [
      {
        method: "GET",
        when: [{ at: { query: "challenge" } }],
        proof: "none",
        answer: { status: 200, content_type: "text/plain", text: { query: "challenge" } },
      },
    ],
    retry_span_s: 900,
    // An equal list is a new change, and nothing tells a retry from it.
    equal_bodies: "event",
  }),
  sample: {
    body: {
      list_folder: { accounts: ["dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc"] },
      delta: { users: [12345678] },
    },
  },
};
