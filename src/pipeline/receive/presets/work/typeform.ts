import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Typeform signs only the body. */
export const typeform: Preset = {
  description: "Typeform: Typeform-Signature, HMAC SHA-256 over the body",
  docs: "https://www.typeform.com/developers/webhooks/secure-your-webhooks/",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "typeform-signature", prefix: "sha256=" }], encoding: "base64" },
    content: ["body"],
    delivery_id: [{ body: "/event_id" }],
    subject: inBody("/form_response/token", "/form_response/form_id"),
    occurred_at: { from: [{ body: "/form_response/submitted_at" }], unit: "rfc3339" },
    type: { from: [{ body: "/event_type" }] },
  }),
  sample: {
    body: {
      event_id: "01H",
      event_type: "form_response",
      form_response: {
        form_id: "g8hcyeXS",
        token: "x71for1wr6irs2rx71fotn12b3izh25v",
        submitted_at: "2026-01-01T00:00:00Z",
      },
    },
  },
};
