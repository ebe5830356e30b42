import type { Preset } from "../preset.ts";

/**
 * Box signs body and time with two keys of the app. Its delivery ids change with every retry, the event id does not.
 */
export const box: Preset = {
  description: "Box: BOX-SIGNATURE-PRIMARY and -SECONDARY, HMAC SHA-256 over body and time",
  docs: "https://developer.box.com/guides/webhooks/v2/signatures-v2/",
  notes: ["Set both keys as secrets, the primary first."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: {
      from: [{ header: "box-signature-primary" }, { header: "box-signature-secondary" }],
      encoding: "base64",
    },
    timestamp: { from: [{ header: "box-delivery-timestamp" }], unit: "rfc3339", tolerance_s: 600 },
    content: ["body", "timestamp"],
    delivery_id: [{ body: "/id" }],
    type: { from: [{ body: "/trigger" }] },
    subject: [{ body: "/source/id" }],
    occurred_at: { from: [{ body: "/created_at" }], unit: "rfc3339" },
    retry_span_s: 7_200,
  }),
  sample: {
    body: {
      id: "0f1",
      trigger: "FILE.UPLOADED",
      created_at: "2026-01-01T00:00:00-08:00",
      source: { id: "73" },
    },
  },
};
