import { inItem } from "../places.ts";
import type { Preset } from "../preset.ts";
import { HUBSPOT_EVENT_IDS } from "./hubspot-event-ids.ts";

/** HubSpot signatures, version 3: method, public URL, body and time, with the secret of the app. HubSpot event ids are
 * not unique. */
export const hubspot: Preset = {
  description: "HubSpot: X-HubSpot-Signature-v3, HMAC SHA-256 over method, URL, body and time",
  docs: "https://developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests",
  notes: ["The signature covers the URL: set HEADRACE_PUBLIC_URL to the URL that HubSpot calls."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hubspot-signature-v3" }], encoding: "base64" },
    timestamp: { from: [{ header: "x-hubspot-request-timestamp" }], unit: "ms" },
    content: ["method", "url", "body", "timestamp"],
    url_forms: ["decoded"],
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
