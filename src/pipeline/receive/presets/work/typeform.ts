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
    type: { from: [{ body: "/event_type" }] },
  }),
  sample: { body: { event_id: "01H", event_type: "form_response", form_response: { form_id: "f1" } } },
};
