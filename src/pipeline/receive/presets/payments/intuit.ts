import type { Preset } from "../preset.ts";

/**
 * Intuit QuickBooks signs only the body, with the verifier token of the app. Its newer form is an array of
 * CloudEvents.
 */
export const intuit: Preset = {
  description: "Intuit QuickBooks: intuit-signature, HMAC SHA-256 over the body",
  docs: "https://developer.intuit.com/app/developer/qbo/docs/develop/webhooks",
  notes: [
    "Each entity of a notification of the older form is an event, with only this entity in dataChangeEvent.entities.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "intuit-signature" }], encoding: "base64" },
    content: ["body"],
    items: ["", "/eventNotifications"],
    nested: [["/dataChangeEvent/entities"]],
    delivery_id: [{ item: "/id" }],
    type: {
      from: [{ item: "/type" }, { item: "/dataChangeEvent/entities/0/name" }],
      suffix: { item: "/dataChangeEvent/entities/0/operation" },
    },
    subject: [{ item: "/intuitentityid" }, { item: "/dataChangeEvent/entities/0/id" }],
    occurred_at: {
      from: [{ item: "/time" }, { item: "/dataChangeEvent/entities/0/lastUpdated" }],
      unit: "iso8601",
    },
    account: [{ item: "/intuitaccountid" }, { item: "/realmId" }],
  }),
  sample: {
    body: [
      {
        specversion: "1.0",
        id: "ce1",
        source: "intuit",
        type: "qbo.invoice.created.v1",
        time: "2026-01-01T00:00:00Z",
        intuitentityid: "1",
        intuitaccountid: "310687",
      },
    ],
  },
};
