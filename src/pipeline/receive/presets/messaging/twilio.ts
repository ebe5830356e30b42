import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Twilio signs the public URL and the form fields with HMAC SHA-1, but no time: only deduplication stops replays. */
export const twilio: Preset = {
  description: "Twilio: X-Twilio-Signature, HMAC SHA-1 over the URL and the sorted form fields",
  docs: "https://www.twilio.com/docs/usage/webhooks/webhooks-security",
  notes: [
    "The signature covers the URL: set HEADRACE_PUBLIC_URL to the URL that Twilio calls.",
    "The secret is the auth token of the account.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha1",
    signature: { from: [{ header: "x-twilio-signature" }], encoding: "base64" },
    content: ["url", "twilio_body"],
    // Twilio signs the URL of some products with the port and of others without it.
    url_forms: ["with_port", "without_port"],
    delivery_id: [{ header: "i-twilio-idempotency-token" }],
    type: {
      from: [
        { body: "/MessageStatus" },
        { body: "/SmsStatus" },
        { body: "/TranscriptionStatus" },
        { body: "/RecordingStatus" },
        { body: "/StatusCallbackEvent" },
        { body: "/CallStatus" },
        { body: "/EventType" },
        { literal: "webhook" },
      ],
    },
    subject: inBody(
      "/MessageSid",
      "/SmsSid",
      "/TranscriptionSid",
      "/RecordingSid",
      "/RoomSid",
      "/ConferenceSid",
      "/TaskSid",
      "/ConversationSid",
      "/CallSid",
    ),
    // Messages have no time. Products differ in how they write it.
    occurred_at: [
      { from: inBody("/TimestampMs"), unit: "ms" },
      { from: inBody("/Timestamp", "/RecordingStartTime"), unit: "rfc2822" },
      { from: inBody("/Timestamp", "/DateUpdated", "/DateCreated"), unit: "rfc3339" },
      { from: inBody("/Timestamp"), unit: "s" },
    ],
    account: [{ body: "/AccountSid" }],
    // Twilio reads a response as instructions (TwiML). An empty one gives none.
    ack: { status: 200, body: "empty" },
  }),
  sample: {
    body: {
      CallSid: "CA42ed11f93dc08b952027ffbc406d0868",
      CallStatus: "completed",
      Timestamp: "Thu, 01 Jan 2026 00:00:00 +0000",
      AccountSid: "AC1",
      To: "+15005550006",
    },
    form: true,
  },
};
