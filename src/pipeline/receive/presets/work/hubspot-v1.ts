import { inItem } from "../places.ts";
import type { Preset } from "../preset.ts";
import { HUBSPOT_EVENT_IDS } from "./hubspot-event-ids.ts";

/** HubSpot signatures, version 1: a plain SHA-256 over secret and body, without a time. Prefer `hubspot`. */
export const hubspotV1: Preset = {
  description: "HubSpot, version 1: X-HubSpot-Signature, SHA-256 over secret and body",
  docs: "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
  notes: ["This is a hash prefixed with a secret, not an HMAC; HubSpot sends version 3 beside it."],
  params: {},
  scheme: () => ({
    algorithm: "sha256-prefixed",
    signature: { from: [{ header: "x-hubspot-signature" }], encoding: "hex" },
    content: ["body"],
    items: [""],
    delivery_id: HUBSPOT_EVENT_IDS,
    type: { from: [{ item: "/subscriptionType" }] },
    subject: inItem("/objectId", "/fromObjectId"),
    occurred_at: { from: [{ item: "/occurredAt" }], unit: "ms" },
    account: [{ item: "/portalId" }],
  }),
  sample: {
    body: [
      {
        eventId: 1,
        subscriptionId: 12,
        portalId: 62515,
        occurredAt: 1_767_225_600_000,
        subscriptionType: "contact.creation",
        attemptNumber: 0,
        objectId: 123,
      },
    ],
  },
};
