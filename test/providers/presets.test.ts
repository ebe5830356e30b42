import { beforeAll, describe, expect, test } from "vitest";
import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import { builtProgram } from "../support/built.ts";
import { api } from "../support/process.ts";
import { providerKeys, schemeWithSample } from "../support/provider-keys.ts";
import { acceptedOnce, connect, post, receiving, signedSample } from "../support/receiving.ts";

beforeAll(builtProgram);

/** The event type of each preset's sample. */
const TYPES: Record<string, string> = {
  "standard-webhooks": "order.created",
  "standard-webhooks-v1a": "order.created",
  svix: "order.created",
  github: "pull_request.opened",
  stripe: "invoice.paid",
  shopify: "orders/create",
  slack: "app_mention",
  twilio: "delivered",
  zoom: "meeting.started",
  woocommerce: "order.updated",
  xero: "UPDATE",
  intuit: "qbo.invoice.created.v1",
  docusign: "envelope-completed",
  typeform: "form_response",
  hubspot: "contact.creation",
  "hubspot-v1": "contact.creation",
  square: "payment.created",
  notion: "page.created",
  linear: "Issue.create",
  paddle: "transaction.completed",
  pagerduty: "incident.triggered",
  calendly: "invitee.created",
  zendesk: "zen:event-type:user.created",
  box: "FILE.UPLOADED",
  meta: "page.feed",
  jira: "jira:issue_created",
  bitbucket: "repo:push",
  intercom: "conversation.user.created",
  mailgun: "delivered",
  gitlab: "push",
  "ms-graph": "updated",
  airtable: "webhook",
  dropbox: "list_folder",
  asana: "task.changed",
  sendgrid: "delivered",
  discord: "APPLICATION_AUTHORIZED",
  paypal: "PAYMENT.CAPTURE.COMPLETED",
  "hmac-sha256": "order.created",
  token: "order.created",
  basic: "order.created",
  none: "order.created",
};

/** Presets whose samples have no id and equal bodies that are events. */
const REPEATED_AS_EVENTS = ["dropbox", "token", "basic", "none"];

test("every documented preset exists, in order", () => {
  expect([...PRESETS.keys()]).toEqual(Object.keys(TYPES));
});

describe("over HTTP", () => {
  test("each preset accepts its provider's delivery once, with the right event type, and no altered one", {
    timeout: 120_000,
  }, async () => {
    const headrace = await receiving();
    for (const [preset, type] of Object.entries(TYPES)) {
      const keys = providerKeys(preset);
      const url = await connect(headrace, preset, preset === "none" ? {} : { secret: keys.secret });
      const delivery = signedSample(preset, url, { keys, type });
      const repeated = REPEATED_AS_EVENTS.includes(preset) ? "accepted" : "duplicate";
      const events = await acceptedOnce(headrace, url, delivery, { repeated });
      expect([preset, events.map((event) => event.type)]).toEqual([preset, [type]]);
      if (preset === "none") continue;

      const { signature, items } = schemeWithSample(preset);
      const [place] = signature?.from ?? [];
      const { [(place as { header?: string }).header ?? ""]: _signature, ...unsigned } = delivery.headers;
      const isInBody = place !== undefined && !("header" in place);
      const stripped = isInBody
        ? delivery.body.toString().replace(/"(signature|clientState)":"/, '"x":"')
        : delivery.body;
      expect([preset, (await post(url, unsigned, stripped)).status]).toEqual([preset, 401]);
      const others = signedSample(preset, url, { keys: otherKeys(preset), type, id: "id-2" });
      expect([preset, (await post(url, others.headers, others.body)).status]).toEqual([preset, 401]);
      const unknown = url.replace("/acme", "/nobody");
      const forNobody = signedSample(preset, unknown, { keys, type, id: "id-3" });
      const refused = await post(unknown, forNobody.headers, forNobody.body);
      expect([preset, refused.status, refused.text]).toEqual([preset, 401, ""]);
      expect(items === undefined || events.length === 1).toBe(true);
    }
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/dlq?stage=normalize")) as {
      items: unknown[];
    };
    expect(items).toEqual([]);
  });
});

/** Keys of the same kind that are not the endpoint's. */
function otherKeys(preset: string) {
  const { secret, signingSecret } = providerKeys(preset);
  if (secret !== signingSecret) return { secret, signingSecret };
  const other = secret.includes("c2VjcmV0")
    ? `${secret.slice(0, secret.indexOf("YSBzZWNyZXQ"))}${Buffer.from("another secret of the same length").toString("base64")}`
    : `other-${secret}`;
  return { secret: other, signingSecret: other };
}
