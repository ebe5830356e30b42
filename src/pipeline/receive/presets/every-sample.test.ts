import { expect, test } from "vitest";
import { sampleEvent } from "../../../../test/support/sample-event.ts";
import { PRESETS } from "./index.ts";

const NEW_YEAR = "2026-01-01T00:00:00.000Z";

/** The type, the subject and the time of the event in each preset's sample. */
const SAMPLES: Record<string, [type: string, subject: string | undefined, time: string | undefined]> = {
  "standard-webhooks": ["order.created", "order_1", NEW_YEAR],
  "standard-webhooks-v1a": ["order.created", "order_1", NEW_YEAR],
  svix: ["order.created", "order_1", NEW_YEAR],
  github: ["pull_request.opened", "https://github.com/octo-org/octo-repo/pull/7", NEW_YEAR],
  stripe: ["invoice.paid", "in_1", NEW_YEAR],
  shopify: ["orders/create", "820982911", "2026-01-01T00:00:00.123Z"],
  slack: ["app_mention", "C061EG9T2", NEW_YEAR],
  twilio: ["completed", "CA42ed11f93dc08b952027ffbc406d0868", NEW_YEAR],
  zoom: ["meeting.started", "85746065432", NEW_YEAR],
  woocommerce: ["order.updated", "727", NEW_YEAR],
  xero: ["UPDATE", "r1", NEW_YEAR],
  intuit: ["qbo.invoice.created.v1", "1", NEW_YEAR],
  docusign: ["envelope-completed", "e1", NEW_YEAR],
  typeform: ["form_response", "x71for1wr6irs2rx71fotn12b3izh25v", NEW_YEAR],
  hubspot: ["contact.creation", "123", NEW_YEAR],
  "hubspot-v1": ["contact.creation", "123", NEW_YEAR],
  square: ["payment.created", "p1", NEW_YEAR],
  notion: ["page.created", "p1", NEW_YEAR],
  linear: ["Issue.create", "ENG-1", NEW_YEAR],
  paddle: ["transaction.completed", "txn_1", NEW_YEAR],
  pagerduty: ["incident.triggered", "PGR0VU2", NEW_YEAR],
  calendly: ["invitee.created", "https://api.calendly.com/scheduled_events/AAA/invitees/BBB", NEW_YEAR],
  zendesk: ["zen:event-type:user.created", "6596848315901", NEW_YEAR],
  box: ["FILE.UPLOADED", "73", "2026-01-01T08:00:00.000Z"],
  meta: ["page.feed", "123_456", NEW_YEAR],
  jira: ["jira:issue_created", "SHOP-1", NEW_YEAR],
  bitbucket: ["pullrequest:created", "https://bitbucket.org/w/r/pull-requests/7", NEW_YEAR],
  intercom: ["conversation.user.created", "215468600", NEW_YEAR],
  mailgun: ["delivered", "20260101000000.1.5D9C3@mail.example", "2026-01-01T00:00:00.908Z"],
  gitlab: ["merge_request", "https://gitlab.com/group/project/-/merge_requests/7", NEW_YEAR],
  "ms-graph": ["updated", "Users/1/Messages/2", undefined],
  airtable: ["webhook", "app1", NEW_YEAR],
  dropbox: ["list_folder", "dbid:AAH4f99T0taONIb-OurWxbNQ6ywGRopQngc", undefined],
  asana: ["task.changed", "1", NEW_YEAR],
  sendgrid: ["delivered", "14c5d75ce93.dfd.64b469.filter0001.16648.5515E0B88.0", NEW_YEAR],
  discord: ["APPLICATION_AUTHORIZED", "80351110224678912", NEW_YEAR],
  paypal: ["PAYMENT.CAPTURE.COMPLETED", "c1", NEW_YEAR],
  "hmac-sha256": ["order.created", undefined, undefined],
  token: ["order.created", undefined, undefined],
  basic: ["order.created", undefined, undefined],
  none: ["order.created", undefined, undefined],
};

test("the list of samples has every preset", () => {
  expect(Object.keys(SAMPLES)).toEqual([...PRESETS.keys()]);
});

test.each(Object.entries(SAMPLES))(
  "the signed sample of %s has the type, the subject and the time %j",
  (preset, [type, subject, time]) => {
    const event = sampleEvent(preset);
    expect([event.type, event.subject, isoTime(event.occurredAtMs)]).toEqual([type, subject, time]);
  },
);

function isoTime(timeMs: number | undefined): string | undefined {
  return timeMs === undefined ? undefined : new Date(timeMs).toISOString();
}
