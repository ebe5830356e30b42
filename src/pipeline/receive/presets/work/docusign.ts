import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** DocuSign Connect signs the body with every HMAC key of the account (up to 100), each signature in its own header. */
export const docusign: Preset = {
  description: "DocuSign Connect: X-DocuSign-Signature-1 and so on, HMAC SHA-256 over the body",
  docs: "https://developers.docusign.com/platform/webhooks/connect/hmac/",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: {
      from: Array.from({ length: 100 }, (_, index) => ({ header: `x-docusign-signature-${index + 1}` })),
      encoding: "base64",
    },
    content: ["body"],
    type: { from: [{ body: "/event" }] },
    occurred_at: { from: [{ body: "/generatedDateTime" }], unit: "rfc3339" },
    subject: inBody("/data/envelopeId", "/data/clickwrapId", "/data/templateId"),
    account: [{ body: "/data/accountId" }],
    // DocuSign retries for up to seven days.
    retry_span_s: 604_800,
    body_limit_bytes: 26_214_400,
  }),
  sample: {
    body: {
      event: "envelope-completed",
      generatedDateTime: "2026-01-01T00:00:00.0000000Z",
      data: { accountId: "a1", envelopeId: "e1" },
    },
  },
};
