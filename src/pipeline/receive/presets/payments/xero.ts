import type { Preset } from "../preset.ts";

/** Xero signs only the body. It first probes with correct and wrong signatures, and expects 200 and 401 without body or
 * cookies. */
export const xero: Preset = {
  description: "Xero: x-xero-signature, HMAC SHA-256 over the body",
  docs: "https://developer.xero.com/documentation/guides/webhooks/configuring-your-server/",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-xero-signature" }], encoding: "base64" },
    content: ["body"],
    items: ["/events"],
    type: { from: [{ item: "/eventType" }] },
    subject: [{ item: "/resourceId" }],
    // The time has no zone and is UTC.
    occurred_at: { from: [{ item: "/eventDateUtc" }], unit: "iso8601" },
    account: [{ item: "/tenantId" }],
    retry_span_s: 86_400,
    ack: { status: 200, body: "empty" },
  }),
  sample: {
    body: {
      events: [
        {
          resourceId: "r1",
          eventType: "UPDATE",
          eventCategory: "INVOICE",
          tenantId: "t1",
          eventDateUtc: "2026-01-01T00:00:00.000",
        },
      ],
      firstEventSequence: 1,
      lastEventSequence: 1,
      entropy: "e",
    },
  },
};
