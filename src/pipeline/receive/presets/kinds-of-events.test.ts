import { expect, test } from "vitest";
import { sampleEvent } from "../../../../test/support/sample-event.ts";
import { readJson } from "../../../domain/json/parse-text.ts";

const AT = "2026-03-04T05:06:07Z";
const READ = "2026-03-04T05:06:07.000Z";
const AT_S = 1_772_600_767;
const AT_MS = 1_772_600_767_000;
const EARLIER = "2020-01-01T00:00:00Z";

type Expected = [type: string | undefined, subject: string | undefined, time: string | undefined];
type Kind = [preset: string, body: unknown, expected: Expected, headers?: Record<string, string>];

const repository = { html_url: "https://github.com/o/r", pushed_at: EARLIER };
const organization = { login: "o" };

function github(event: string, body: object, expected: Expected): Kind {
  return ["github", { repository, organization, ...body }, expected, { "x-github-event": event }];
}

const PULL = { html_url: "https://github.com/o/r/pull/7", updated_at: AT };
const ISSUE = { html_url: "https://github.com/o/r/issues/8", updated_at: AT };
const RUN = { html_url: "https://github.com/o/r/actions/runs/30", updated_at: AT };

const GITHUB: Kind[] = [
  github(
    "pull_request",
    { action: "labeled", pull_request: PULL, label: { url: "https://api.github.com/l" } },
    ["pull_request.labeled", PULL.html_url, READ],
  ),
  github(
    "issues",
    { action: "milestoned", issue: ISSUE, milestone: { html_url: "https://m", updated_at: EARLIER } },
    ["issues.milestoned", ISSUE.html_url, READ],
  ),
  // A deleted comment keeps the time of its last change.
  github(
    "issue_comment",
    { action: "deleted", issue: ISSUE, comment: { html_url: "https://c", updated_at: EARLIER } },
    ["issue_comment.deleted", "https://c", READ],
  ),
  github(
    "pull_request_review",
    { action: "submitted", pull_request: PULL, review: { html_url: "https://v" } },
    ["pull_request_review.submitted", "https://v", READ],
  ),
  github(
    "push",
    {
      ref: "refs/heads/main",
      compare: "https://github.com/o/r/compare/a...b",
      head_commit: { timestamp: EARLIER },
      repository: { ...repository, pushed_at: AT_S },
    },
    ["push", "https://github.com/o/r/compare/a...b", READ],
  ),
  github("create", { ref: "v1", ref_type: "tag" }, ["create", "v1", undefined]),
  github("workflow_run", { action: "completed", workflow_run: RUN, workflow: { html_url: "https://w" } }, [
    "workflow_run.completed",
    RUN.html_url,
    READ,
  ]),
  github(
    "workflow_job",
    {
      action: "in_progress",
      workflow_job: { html_url: "https://j", completed_at: null, started_at: AT },
      deployment: { url: "https://d", updated_at: EARLIER },
    },
    ["workflow_job.in_progress", "https://j", READ],
  ),
  github(
    "deployment_status",
    {
      action: "created",
      deployment_status: { updated_at: AT },
      deployment: { url: "https://d", updated_at: EARLIER },
      workflow_run: { ...RUN, updated_at: EARLIER },
    },
    ["deployment_status.created", "https://d", READ],
  ),
  github("check_run", { action: "completed", check_run: { html_url: "https://k", completed_at: AT } }, [
    "check_run.completed",
    "https://k",
    READ,
  ]),
  github(
    "release",
    { action: "published", release: { html_url: "https://r", created_at: EARLIER, published_at: AT } },
    ["release.published", "https://r", READ],
  ),
  github("star", { action: "created", starred_at: AT }, ["star.created", repository.html_url, READ]),
  github("fork", { forkee: { html_url: "https://f", created_at: AT } }, ["fork", "https://f", READ]),
  github(
    "installation",
    { action: "created", installation: { html_url: "https://i" }, repository: undefined },
    ["installation.created", "https://i", undefined],
  ),
  // An app's deliveries name its installation by the id alone.
  github("public", { installation: { id: 1 } }, ["public", repository.html_url, undefined]),
];

const event = (data: object) => ({ type: "event_callback", event_time: AT_S, event: data });

const SLACK: Kind[] = [
  ["slack", event({ type: "message", channel: "C1", user: "U1" }), ["message", "C1", READ]],
  ["slack", event({ type: "channel_created", channel: { id: "C2" } }), ["channel_created", "C2", READ]],
  [
    "slack",
    event({ type: "reaction_added", user: "U1", item: { channel: "C3" } }),
    ["reaction_added", "C3", READ],
  ],
  ["slack", event({ type: "file_shared", file_id: "F1", channel_id: "C1" }), ["file_shared", "F1", READ]],
  ["slack", event({ type: "team_join", user: { id: "U2" } }), ["team_join", "U2", READ]],
  [
    "slack",
    {
      type: "block_actions",
      channel: { id: "C4" },
      user: { id: "U1" },
      actions: [{ action_ts: `${AT_S}.381287` }],
    },
    ["block_actions", "C4", "2026-03-04T05:06:07.381Z"],
  ],
  [
    "slack",
    { type: "view_submission", view: { id: "V1" }, user: { id: "U1" } },
    ["view_submission", "V1", undefined],
  ],
  [
    "slack",
    { type: "shortcut", action_ts: `${AT_S}.5`, user: { id: "U1" } },
    ["shortcut", "U1", "2026-03-04T05:06:07.500Z"],
  ],
  ["slack", { command: "/weather", channel_id: "C5", user_id: "U1" }, ["/weather", "C5", undefined]],
];

const TWILIO: Kind[] = [
  ["twilio", { MessageSid: "SM1", MessageStatus: "sent", SmsStatus: "sent" }, ["sent", "SM1", undefined]],
  ["twilio", { SmsMessageSid: "SM2", SmsSid: "SM2", SmsStatus: "received" }, ["received", "SM2", undefined]],
  [
    "twilio",
    { CallSid: "CA1", CallStatus: "ringing", Timestamp: "Wed, 04 Mar 2026 05:06:07 +0000" },
    ["ringing", "CA1", READ],
  ],
  [
    "twilio",
    {
      CallSid: "CA1",
      RecordingSid: "RE1",
      RecordingStatus: "completed",
      RecordingStartTime: "Wed, 04 Mar 2026 05:06:07 +0000",
    },
    ["completed", "RE1", READ],
  ],
  [
    "twilio",
    { RoomSid: "RM1", StatusCallbackEvent: "room-created", Timestamp: AT },
    ["room-created", "RM1", READ],
  ],
  [
    "twilio",
    { EventType: "task.created", TaskSid: "WT1", Timestamp: String(AT_S) },
    ["task.created", "WT1", READ],
  ],
];

const entry = (object: string, data: object) => ({ object, entry: [{ id: "E1", ...data }] });
const change = (field: string, value: object) => ({ time: AT_S, changes: [{ field, value }] });

const META: Kind[] = [
  [
    "meta",
    entry(
      "whatsapp_business_account",
      change("messages", { messages: [{ id: "wamid.1", timestamp: String(AT_S) }] }),
    ),
    ["whatsapp_business_account.messages", "wamid.1", READ],
  ],
  [
    "meta",
    entry(
      "whatsapp_business_account",
      change("messages", { statuses: [{ id: "wamid.2", timestamp: String(AT_S) }] }),
    ),
    ["whatsapp_business_account.messages", "wamid.2", READ],
  ],
  [
    "meta",
    entry(
      "whatsapp_business_account",
      change("message_template_status_update", { message_template_id: 5944254 }),
    ),
    ["whatsapp_business_account.message_template_status_update", "5944254", READ],
  ],
  ["meta", entry("page", change("feed", { post_id: "1_2", comment_id: "2_3" })), ["page.feed", "2_3", READ]],
  [
    "meta",
    entry("page", change("leadgen", { leadgen_id: "444", created_time: AT_S })),
    ["page.leadgen", "444", READ],
  ],
  [
    "meta",
    entry("instagram", change("comments", { id: "178", text: "hi" })),
    ["instagram.comments", "178", READ],
  ],
  [
    "meta",
    entry("page", {
      time: AT_MS,
      messaging: [{ sender: { id: "U" }, timestamp: AT_MS, message: { mid: "m1" } }],
    }),
    ["page", "m1", READ],
  ],
  ["meta", entry("page", { time: AT_MS, messaging: [{ sender: { id: "U" } }] }), ["page", "U", READ]],
  ["meta", entry("user", { time: AT_S }), ["user", "E1", READ]],
];

const attributes = (kind: string, data: object) => ({ object_kind: kind, object_attributes: data });
const href = (html: string) => ({ links: { html: { href: html } }, updated_on: AT });
const bitbucket = (key: string, body: object, expected: Expected): Kind => [
  "bitbucket",
  { repository: { ...href("https://b/r") }, ...body },
  expected,
  { "x-event-key": key },
];

const CODE: Kind[] = [
  [
    "gitlab",
    attributes("issue", { url: "https://g/i/3", iid: 3, updated_at: AT }),
    ["issue", "https://g/i/3", READ],
  ],
  [
    "gitlab",
    attributes("pipeline", { id: 31, iid: 3, finished_at: "2026-03-04 05:06:07 UTC" }),
    ["pipeline", "3", READ],
  ],
  [
    "gitlab",
    attributes("emoji", { id: 1, awarded_on_url: "https://g/n" }),
    ["emoji", "https://g/n", undefined],
  ],
  [
    "gitlab",
    { object_kind: "build", ref: "main", build_id: 1977, build_finished_at: null, build_started_at: AT },
    ["build", "1977", READ],
  ],
  [
    "gitlab",
    {
      object_kind: "deployment",
      ref: "main",
      deployment_id: 15,
      status_changed_at: "2026-03-04 07:06:07 +0200",
    },
    ["deployment", "15", READ],
  ],
  [
    "gitlab",
    { object_kind: "release", id: 1, url: "https://g/v1", released_at: AT },
    ["release", "https://g/v1", READ],
  ],
  [
    "gitlab",
    { object_kind: "push", ref: "refs/heads/main", user_id: 4, project_id: 15 },
    ["push", "refs/heads/main", undefined],
  ],
  [
    "gitlab",
    { event_name: "user_create", user_id: 41, created_at: AT, updated_at: AT },
    ["user_create", "41", READ],
  ],
  bitbucket(
    "pullrequest:comment_created",
    { pullrequest: href("https://b/pr"), comment: href("https://b/c") },
    ["pullrequest:comment_created", "https://b/c", READ],
  ),
  bitbucket("repo:push", { push: { changes: [{ links: { html: { href: "https://b/d" } } }] } }, [
    "repo:push",
    "https://b/d",
    undefined,
  ]),
  bitbucket(
    "pr:opened",
    { date: "2026-03-04T15:06:07+1000", pullRequest: { id: 1, links: { self: [null] } } },
    ["pr:opened", "1", READ],
  ),
];

const jira = (webhookEvent: string, body: object, subject: string): Kind => [
  "jira",
  { webhookEvent, timestamp: AT_MS, ...body },
  [webhookEvent, subject, READ],
];

const WORK: Kind[] = [
  jira("jira:issue_updated", { issue: { id: "10", key: "A-1" }, user: { accountId: "u" } }, "A-1"),
  jira("comment_created", { issue: { id: "10", key: "A-1" }, comment: { id: "77" } }, "A-1"),
  jira("sprint_started", { sprint: { id: 4, name: "S" } }, "4"),
  jira("jira:version_released", { version: { id: "100", projectId: 1 } }, "100"),
  jira("user_created", { user: { accountId: "5b10" } }, "5b10"),
  jira("worklog_created", { worklog: { id: "9", issueId: "10" } }, "10"),
  [
    "linear",
    { type: "Comment", action: "create", createdAt: AT, data: { id: "c1" } },
    ["Comment.create", "c1", READ],
  ],
  [
    "pagerduty",
    {
      event: {
        event_type: "incident.annotated",
        occurred_at: AT,
        data: { id: "PN", incident: { id: "PI" } },
      },
    },
    ["incident.annotated", "PI", READ],
  ],
  [
    "hubspot",
    [{ subscriptionType: "contact.associationChange", occurredAt: AT_MS, fromObjectId: 5, toObjectId: 6 }],
    ["contact.associationChange", "5", READ],
  ],
  [
    "ms-graph",
    { value: [{ lifecycleEvent: "reauthorizationRequired", subscriptionId: "s9" }] },
    ["reauthorizationRequired", "s9", undefined],
  ],
  [
    "typeform",
    { event_type: "form_response_partial", form_response: { form_id: "f" } },
    ["form_response_partial", "f", undefined],
  ],
  [
    "notion",
    { type: "comment.created", timestamp: AT, entity: { id: "n1", type: "comment" } },
    ["comment.created", "n1", READ],
  ],
  [
    "asana",
    { events: [{ action: "added", created_at: AT, resource: { gid: "120", resource_type: "story" } }] },
    ["story.added", "120", READ],
  ],
  ["zendesk", { ticket_id: "35436", status: "open" }, ["webhook", "35436", undefined]],
  [
    "intercom",
    { topic: "contact.tag.created", created_at: AT_S, data: { item: { contact: { id: "63" } } } },
    ["contact.tag.created", "63", READ],
  ],
  [
    "zoom",
    { event: "phone.callee_ringing", event_ts: AT_MS, payload: { object: { call_id: "69" } } },
    ["phone.callee_ringing", "69", READ],
  ],
  [
    "zoom",
    { event: "meeting.ended", event_ts: AT_MS, payload: { object: { id: 85746065432 } } },
    ["meeting.ended", "85746065432", READ],
  ],
  [
    "discord",
    { type: 1, event: { type: "ENTITLEMENT_CREATE", timestamp: AT, data: { id: "10", user_id: "2" } } },
    ["ENTITLEMENT_CREATE", "10", READ],
  ],
  [
    "mailgun",
    { signature: {}, "event-data": { event: "unsubscribed", timestamp: AT_S, recipient: "a@b.example" } },
    ["unsubscribed", "a@b.example", READ],
  ],
];

const stripe = (type: string, object: object, subject: string | undefined): Kind => [
  "stripe",
  { type, created: AT_S, data: { object } },
  [type, subject, READ],
];
const topic = (name: string) => ({ "x-shopify-topic": name, "x-shopify-triggered-at": AT });

const MONEY: Kind[] = [
  stripe("charge.dispute.created", { id: "dp_1", charge: "ch_1" }, "dp_1"),
  stripe("invoice.upcoming", { customer: "cus_1", subscription: "sub_1" }, "sub_1"),
  stripe("cash_balance.funds_available", { object: "cash_balance", customer: "cus_2" }, "cus_2"),
  stripe("balance.available", { object: "balance" }, undefined),
  [
    "stripe",
    { type: "v1.billing.meter.error_report_triggered", created: AT, related_object: { id: "mtr_1" } },
    ["v1.billing.meter.error_report_triggered", "mtr_1", READ],
  ],
  ["shopify", { id: 5_938_214_273_205 }, ["orders/delete", "5938214273205", READ], topic("orders/delete")],
  [
    "shopify",
    { inventory_item_id: 45, available: 1 },
    ["inventory_levels/update", "45", READ],
    topic("inventory_levels/update"),
  ],
  [
    "woocommerce",
    { id: 9, date_modified_gmt: "2026-03-04T05:06:07" },
    ["product.updated", "9", READ],
    { "x-wc-webhook-topic": "product.updated" },
  ],
  ["woocommerce", { id: 9 }, ["order.deleted", "9", undefined], { "x-wc-webhook-topic": "order.deleted" }],
  [
    "paypal",
    { event_type: "CUSTOMER.DISPUTE.CREATED", create_time: AT, resource: { dispute_id: "PP-D-1" } },
    ["CUSTOMER.DISPUTE.CREATED", "PP-D-1", READ],
  ],
  [
    "paypal",
    { event_type: "INVOICING.INVOICE.PAID", create_time: AT, resource: { invoice: { id: "INV2" } } },
    ["INVOICING.INVOICE.PAID", "INV2", READ],
  ],
  [
    "square",
    { type: "refund.updated", created_at: AT, data: { type: "refund", id: "rf" } },
    ["refund.updated", "rf", READ],
  ],
  [
    "paddle",
    { event_type: "subscription.updated", occurred_at: AT, data: { id: "sub_01" } },
    ["subscription.updated", "sub_01", READ],
  ],
  [
    "xero",
    { events: [{ resourceId: "717f", eventType: "CREATE", eventDateUtc: "2026-03-04T05:06:07.902" }] },
    ["CREATE", "717f", "2026-03-04T05:06:07.902Z"],
  ],
  [
    "intuit",
    {
      eventNotifications: [
        {
          realmId: "310687",
          dataChangeEvent: {
            entities: [
              { name: "Vendor", id: "56", operation: "Merge", lastUpdated: "2026-03-04T05:06:07.000Z" },
            ],
          },
        },
      ],
    },
    ["Vendor.Merge", "56", READ],
  ],
];

test.each([...GITHUB, ...SLACK, ...TWILIO, ...META, ...CODE, ...WORK, ...MONEY])(
  "a delivery of %s like %j has the type, the subject and the time %j",
  (preset, body, expected, headers) => {
    const { type, subject, occurredAtMs } = sampleEvent(
      preset,
      headers === undefined ? { body } : { body, headers },
    );
    const time = occurredAtMs === undefined ? undefined : new Date(occurredAtMs).toISOString();
    expect([type, subject, time]).toEqual(expected);
  },
);

test("a subject with more than 200 characters gives way to the next place that names the thing", () => {
  const long = `https://github.com/o/r/pull/7#${"x".repeat(200)}`;
  const [, body, , headers = {}] = github(
    "pull_request_review",
    { review: { html_url: long }, pull_request: PULL },
    [undefined, undefined, undefined],
  );
  expect(sampleEvent("github", { body, headers }).subject).toBe(PULL.html_url);
});

test("a subject that is a number beyond those of JavaScript keeps its digits", () => {
  const body = readJson('{"id":820982911946154508,"admin_graphql_api_id":"gid://shopify/Order/1"}');
  const headers = { "x-shopify-topic": "orders/create" };
  expect(sampleEvent("shopify", { body, headers }).subject).toBe("820982911946154508");
});

const GENERIC = [
  "standard-webhooks",
  "standard-webhooks-v1a",
  "svix",
  "hmac-sha256",
  "token",
  "basic",
  "none",
];

test.each(GENERIC)("params of preset %s name the subject and the time of the event", (preset) => {
  const params = { subject_path: "order.no", occurred_at_path: "/at", occurred_at_unit: "ms" };
  const body = { type: "t", order: { no: 17 }, at: AT_MS, data: { id: "d" }, timestamp: EARLIER };
  const event = sampleEvent(preset, { body, params });
  expect([event.subject, event.occurredAtMs]).toEqual(["17", AT_MS]);
  const headers = { "x-subject": "17", "x-time": String(AT_S) };
  const inHeaders = { subject_header: "X-Subject", occurred_at_header: "X-Time", occurred_at_unit: "s" };
  const other = sampleEvent(preset, { body, headers, params: inHeaders });
  expect([other.subject, other.occurredAtMs]).toEqual(["17", AT_MS]);
});
