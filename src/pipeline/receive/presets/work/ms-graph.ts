import { inItem } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Microsoft Graph repeats the clientState of the subscription in every notification and signs nothing. */
export const msGraph: Preset = {
  description: "Microsoft Graph: the clientState of every notification",
  docs: "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks",
  notes: [
    "The secrets are the clientStates of the subscriptions. A clientState is no signature: fetch important values from Graph.",
    "A notification without an etag is an event each time it comes, also when Graph repeats it.",
  ],
  params: {},
  scheme: () => ({
    algorithm: "token",
    signature: { from: [{ item: "/clientState" }], encoding: "text" },
    // Rich notifications carry JWTs of the app beside the list.
    tokens: [{ body: "/validationTokens" }],
    items: ["/value"],
    // Beside the notifications are tokens that prove them.
    beside: [],
    delivery_id: [
      {
        join: [
          { item: "/subscriptionId" },
          { item: "/changeType" },
          { item: "/resource" },
          { item: "/resourceData/@odata.etag" },
        ],
      },
    ],
    type: { from: [{ item: "/changeType" }, { item: "/lifecycleEvent" }] },
    // Graph states no time.
    subject: inItem("/resource", "/subscriptionId"),
    account: [{ item: "/tenantId" }],
    challenges: [
      {
        method: "POST",
        when: [{ at: { query: "validationToken" } }],
        proof: "none",
        answer: { status: 200, content_type: "text/plain", text: { query: "validationToken" } },
      },
    ],
    retry_span_s: 14_400,
    // Deletions, lifecycle events and drives have no etag: equal ones are further changes.
    equal_bodies: "event",
    ack: { status: 202, body: "json" },
  }),
  sample: {
    body: {
      value: [
        {
          subscriptionId: "s1",
          clientState: "c",
          changeType: "updated",
          resource: "Users/1/Messages/2",
          tenantId: "t1",
          resourceData: { "@odata.etag": "W/1", id: "2" },
        },
      ],
    },
  },
};
