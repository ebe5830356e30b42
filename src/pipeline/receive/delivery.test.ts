import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { readDelivery } from "./delivery.ts";
import { presetScheme } from "./presets/index.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import { InboundRequest } from "./schemes/inbound-request.ts";
import type { Scheme, SchemeInput } from "./schemes/scheme.ts";

const HOUR_MS = 3_600_000;

function read(
  scheme: Scheme,
  body: string,
  headers: Record<string, string> = {},
  url = "https://hooks.example/in",
) {
  const rawHeaders = Object.entries(headers).flat();
  return readDelivery(
    scheme,
    new InboundRequest({ method: "POST", url, rawHeaders, body: Buffer.from(body) }),
  );
}

function keysOf(...delivery: Parameters<typeof read>) {
  return read(...delivery).events.flatMap((event) => event.keys.map(({ key }) => key));
}

function custom(changes: Partial<SchemeInput>): Scheme {
  return checkScheme({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-sig" }], encoding: "hex" },
    content: ["body"],
    type: { from: [{ body: "/type" }] },
    ...changes,
  });
}

describe("a Standard Webhooks delivery", () => {
  const scheme = presetScheme("standard-webhooks", {});
  const headers = {
    "Webhook-Id": "msg_1",
    "Webhook-Timestamp": "1795435200",
    "Content-Type": "application/json",
  };

  test("uses the signed id of a Standard Webhooks delivery as its only key", () => {
    const body = '{"type":"order.paid","timestamp":"2026-11-23T12:00:00.5Z","data":{}}';
    expect(read(scheme, body, headers)).toEqual({
      contentType: "application/json",
      body: { kind: "parsed", data: JSON.parse(body), json: Buffer.from(body) },
      isBatch: false,
      events: [
        {
          item: 0,
          keys: [{ key: "id:msg_1", windowMs: 96 * HOUR_MS }],
          type: "order.paid",
          occurredAtMs: 1_795_435_200_500,
          data: JSON.parse(body),
        },
      ],
    });
  });

  test("reads an unreadable Standard Webhooks body as one event with the same key", () => {
    const { body, events } = read(scheme, "{", headers);
    expect(body.kind).toBe("unreadable");
    expect(events).toEqual([
      { item: 0, keys: [{ key: "id:msg_1", windowMs: 96 * HOUR_MS }], data: undefined },
    ]);
  });

  test("hashes ids that are long or not printable ASCII, and gives no two ids the same key", () => {
    const ids = ["x".repeat(150), "x".repeat(151), "x".repeat(8_192), "a b", "é", "é\x00", "id:1", "-hash:1"];
    const keys = ids.flatMap((id) => keysOf(scheme, "{}", { "webhook-id": id }));
    expect(new Set(keys).size).toBe(ids.length);
    for (const key of keys) expect(key).toMatch(/^id(?:-hash)?:[\x21-\x7e]{1,150}$/);
  });

  test.each([
    '{"type":5.5}',
    '{"type":"a\\u0000b"}',
    '{"type":"\\ud800"}',
    '{"type":""}',
    '{"type":{}}',
    `{"type":"${"x".repeat(201)}"}`,
    "[]",
  ])("has no type in %s", (body) => {
    expect(read(scheme, body, headers).events[0]).not.toHaveProperty("type");
  });
});

describe("a GitHub delivery", () => {
  const scheme = presetScheme("github", {});
  const headers = { "X-GitHub-Delivery": "72d3162e", "X-GitHub-Event": "pull_request" };
  const typeOf = (body: string) => read(scheme, body, headers).events[0]?.type;

  test("joins the GitHub event header and the action of the body into the event type", () => {
    expect(typeOf('{"action":"opened"}')).toBe("pull_request.opened");
    expect(typeOf('{"ref":"x"}')).toBe("pull_request");
    expect(typeOf('{"action":null}')).toBe("pull_request");
    expect(typeOf("{")).toBe("pull_request");
    expect(read(scheme, '{"action":"opened"}').events[0]).not.toHaveProperty("type");
  });

  test("reads the action of a GitHub delivery from a form body", () => {
    const form = { ...headers, "Content-Type": "application/x-www-form-urlencoded" };
    const { events } = read(scheme, "payload=%7B%22action%22%3A%22opened%22%7D", form);
    expect(events[0]).toMatchObject({ type: "pull_request.opened", data: { action: "opened" } });
  });

  test("takes the GitHub installation id as the account", () => {
    expect(read(scheme, '{"installation":{"id":42}}', headers).events[0]?.account).toBe("42");
  });

  test("gives a GitHub delivery a key of id and body and, because the id is unsigned, a key of body and type", () => {
    const keys = read(scheme, "{}", headers).events[0]?.keys;
    expect(keys).toEqual([
      { key: expect.stringMatching(/^id\+body:[0-9a-f]{64}$/), windowMs: 72 * HOUR_MS },
      { key: expect.stringMatching(/^body:[0-9a-f]{64}$/), windowMs: 72 * HOUR_MS },
    ]);
    const [own, replay] = keysOf(scheme, "{}", headers);
    const [otherId, sameBody] = keysOf(scheme, "{}", { ...headers, "X-GitHub-Delivery": "changed" });
    expect(otherId).not.toBe(own);
    expect(sameBody).toBe(replay);
    const otherBody = keysOf(scheme, "{ }", headers);
    expect(otherBody).not.toContain(own);
    expect(otherBody).not.toContain(replay);
  });
});

describe("delivery keys", () => {
  test("uses the hash of the body for the provider's retry span if there is no delivery id", () => {
    const [event] = read(custom({ retry_span_s: 14_400 }), "{}").events;
    const bodyHash = createHash("sha256").update("{}").digest("hex");
    expect(event?.keys).toEqual([{ key: `body:${bodyHash}`, windowMs: 4 * HOUR_MS }]);
  });

  test("keeps the key of a delivery without an id when the provider signs its retry again", () => {
    const scheme = presetScheme("hmac-sha256", { timestamp_header: "x-time" });
    expect(keysOf(scheme, "{}", { "x-time": "1" })).toEqual(keysOf(scheme, "{}", { "x-time": "2" }));
  });

  test("ends the body key of an unsigned id with the freshness window and separates signed times", () => {
    const scheme = presetScheme("hmac-sha256", { timestamp_header: "x-time", id_header: "x-id" });
    const [own, replay] = read(scheme, "{}", { "x-time": "1", "x-id": "a" }).events[0]?.keys ?? [];
    expect([own?.windowMs, replay?.windowMs]).toEqual([72 * HOUR_MS, 602_000]);
    expect(keysOf(scheme, "{}", { "x-time": "2", "x-id": "a" })).toEqual([
      own?.key,
      expect.not.stringContaining(replay?.key ?? ""),
    ]);
    expect(keysOf(scheme, "{}", { "x-time": "1", "x-id": "b" })[1]).toBe(replay?.key);
  });

  test("uses an id in the signed body as a key of its own, and joins it with the body where that is unsigned", () => {
    const keys = keysOf(custom({ delivery_id: [{ body: "/id" }] }), '{"id":7}');
    expect(keys).toEqual(["id:7", expect.stringMatching(/^body:/)]);
    const unsigned = custom({ delivery_id: [{ body: "/id" }], content: ["url"], body_unsigned: true });
    expect(keysOf(unsigned, '{"id":7}')[0]).toMatch(/^id\+body:/);
  });

  const timed = { timestamp_header: "x-time", id_header: "x-id" };

  test.each<[string, Scheme, Record<string, string>, Record<string, string>]>([
    ["drops the id", presetScheme("github", {}), { "x-github-delivery": "a" }, {}],
    [
      "changes the id",
      presetScheme("github", {}),
      { "x-github-delivery": "a" },
      { "x-github-delivery": "b" },
    ],
    ["drops the id", presetScheme("hmac-sha256", timed), { "x-time": "1", "x-id": "a" }, { "x-time": "1" }],
    ["invents an id", presetScheme("hmac-sha256", timed), { "x-time": "1" }, { "x-time": "1", "x-id": "a" }],
    [
      "changes the content type",
      custom({ delivery_id: [{ body: "/id" }] }),
      {},
      { "content-type": "text/csv" },
    ],
    [
      "changes the content type",
      presetScheme("hmac-sha256", { id_path: "id", id_header: "x-id", timestamp_header: "x-time" }),
      { "x-time": "1" },
      { "x-time": "1", "x-id": "b", "content-type": "application/x-www-form-urlencoded" },
    ],
  ])("shares a key with a replay that %s", (_change, scheme, first, replayed) => {
    const known = keysOf(scheme, '{"id":7}', first);
    expect(keysOf(scheme, '{"id":7}', replayed).filter((key) => known.includes(key))).not.toEqual([]);
    expect(new Set(known).size).toBe(known.length);
  });

  test("distinguishes deliveries by URL only where the signature covers it or covers nothing", () => {
    const differ = (scheme: Scheme) =>
      keysOf(scheme, "", {}, "/in?a=1").join() !== keysOf(scheme, "", {}, "/in?a=2").join();
    expect(differ(custom({}))).toBe(false);
    expect(differ(custom({ content: ["url", "body"] }))).toBe(true);
    expect(differ(checkScheme({ algorithm: "none", type: { from: [{ body: "/type" }] } }))).toBe(true);
  });
});

describe("the account of an event", () => {
  const accountOf = (preset: string, body: unknown, headers: Record<string, string> = {}) =>
    read(presetScheme(preset, {}), typeof body === "string" ? body : JSON.stringify(body), headers).events[0]
      ?.account;

  test.each<[string, unknown, string | undefined]>([
    ["a workspace", { team_id: "T1" }, "T1"],
    ["a channel of Slack Connect", { team_id: "T9", authorizations: [{ team_id: "T1" }] }, "T1"],
    [
      "an event of an organisation",
      { team_id: "T1", authorizations: [{ enterprise_id: "E1", team_id: null }] },
      "T1",
    ],
    [
      "an event of no workspace",
      { team_id: null, authorizations: [{ enterprise_id: "E1", team_id: null }] },
      "E1",
    ],
    ["a shared channel", { team_id: "T9", context_team_id: "T1", authorizations: [] }, "T1"],
    ["a shortcut", { type: "shortcut", team: { id: "T1" }, user: { team_id: "T2" } }, "T1"],
    [
      "a shortcut of an organisation",
      { type: "shortcut", team: null, enterprise: { id: "E1" }, user: { id: "U1", team_id: "T1" } },
      "T1",
    ],
    ["a shortcut without any team", { team: null, enterprise: { id: "E1" }, user: { id: "U1" } }, "E1"],
    ["nothing", { team_id: "", team: null }, undefined],
  ])("reads the account of %s from the first place of Slack that names one", (_case, body, account) => {
    expect(accountOf("slack", body)).toBe(account);
    const form = { "content-type": "application/x-www-form-urlencoded" };
    const text = `payload=${encodeURIComponent(JSON.stringify(body))}`;
    expect(accountOf("slack", text, form)).toBe(account);
  });

  test("reads account and time of Stripe's thin events, and of all others as before", () => {
    const thin = {
      id: "evt_test_65R9Ijk8dKEYZcXeRWn16R9A7j1FSQ3w3TGDPLLGSM4CW0",
      object: "v2.core.event",
      type: "v1.billing.meter.error_report_triggered",
      created: "2024-09-17T06:20:52.246Z",
      context: "acct_1",
      related_object: { id: "mtr_1", type: "billing.meter", url: "/v1/billing/meters/mtr_1" },
    };
    const snapshot = { id: "evt_1", type: "invoice.paid", created: 1_767_225_600, account: "acct_2" };
    const [first, second, none] = [thin, snapshot, { ...thin, context: null, created: null }].map(
      (body) => read(presetScheme("stripe", {}), JSON.stringify(body)).events[0],
    );
    expect([first?.account, first?.occurredAtMs]).toEqual(["acct_1", Date.UTC(2024, 8, 17, 6, 20, 52, 246)]);
    expect([second?.account, second?.occurredAtMs]).toEqual(["acct_2", 1_767_225_600_000]);
    expect([none?.account, none?.occurredAtMs]).toEqual([undefined, undefined]);
  });
});

describe("the type of an event", () => {
  const shared = (one: readonly string[], other: readonly string[]) =>
    one.filter((key) => other.includes(key));
  const topic = (header: string, type: string, id: Record<string, string>) => ({ [header]: type, ...id });

  test.each<[string, string, Record<string, string>]>([
    ["woocommerce", "x-wc-webhook-topic", { "x-wc-webhook-delivery-id": "1" }],
    ["shopify", "x-shopify-topic", { "x-shopify-event-id": "1" }],
    ["bitbucket", "x-event-key", { "x-request-uuid": "1" }],
    ["github", "x-github-event", { "x-github-delivery": "1" }],
    ["gitlab", "x-gitlab-event", { "idempotency-key": "1" }],
  ])("tells equal bodies of %s apart by the type in %s, and knows their retries", (preset, header, id) => {
    const scheme = presetScheme(preset, {});
    const created = keysOf(scheme, '{"id":1}', topic(header, "order.created", id));
    const [name] = Object.keys(id) as [string];
    const updated = keysOf(scheme, '{"id":1}', topic(header, "order.updated", { [name]: "2" }));
    const sameId = keysOf(scheme, '{"id":1}', topic(header, "order.updated", id));
    expect([shared(created, updated), shared(created, sameId)]).toEqual([[], []]);
    expect(keysOf(scheme, '{"id":1}', topic(header, "order.created", id))).toEqual(created);
    const replayed = keysOf(scheme, '{"id":1}', topic(header, "order.created", { [name]: "3" }));
    expect(shared(created, replayed)).toHaveLength(1);
  });

  test("tells events with the id of one thing apart by the type in a header, the query, the body or an item", () => {
    const keysWith = (type: SchemeInput["type"], body: string, headers = {}, url = "/in?t=a") =>
      keysOf(custom({ type, delivery_id: [{ body: "/id" }] }), body, headers, url);
    const byHeader = { from: [{ header: "x-type" }] };
    expect(
      shared(
        keysWith(byHeader, '{"id":1}', { "x-type": "a" }),
        keysWith(byHeader, '{"id":1}', { "x-type": "b" }),
      ),
    ).toEqual([]);
    const byQuery = { from: [{ query: "t" }] };
    expect(shared(keysWith(byQuery, '{"id":1}'), keysWith(byQuery, '{"id":1}', {}, "/in?t=b"))).toEqual([]);
    const byBody = { from: [{ body: "/a" }], suffix: { body: "/b" } };
    expect(
      shared(keysWith(byBody, '{"id":1,"a":"x","b":"y"}'), keysWith(byBody, '{"id":1,"a":"x","b":"z"}')),
    ).toEqual([]);
    const items = custom({ items: [""], delivery_id: [{ item: "/id" }], type: { from: [{ item: "/t" }] } });
    const [first, second] = read(items, '[{"id":1,"t":"a"},{"id":1,"t":"b"}]').events.map(
      (event) => event.keys[0],
    );
    expect(first?.key).not.toBe(second?.key);
    expect(keysOf(items, '[{"id":1,"t":"b"}]')).toContain(second?.key);
  });

  test("is read in the body under any content type, so that a replay has the same keys", () => {
    const scheme = presetScheme("hmac-sha256", { type_path: "type", type_header: "x-type", id_path: "id" });
    const body = '{"id":1,"type":"a"}';
    const keys = keysOf(scheme, body, { "x-type": "b" });
    for (const type of ["text/csv", "application/x-www-form-urlencoded", "multipart/form-data; boundary=b"])
      expect(keysOf(scheme, body, { "x-type": "b", "content-type": type })).toEqual(keys);
  });

  test.each(["hubspot", "hubspot-v1"])("tells two objects with one event id and time apart: %s", (preset) => {
    const scheme = presetScheme(preset, {});
    const event = { eventId: 1, subscriptionId: 12, occurredAt: 1_767_225_600_000, subscriptionType: "x" };
    const keyOf = (item: Record<string, unknown>) =>
      read(scheme, JSON.stringify([item])).events[0]?.keys[0]?.key;
    const keys = [
      { ...event, objectId: 1 },
      { ...event, objectId: 2 },
      { ...event, fromObjectId: 1, toObjectId: 2, associationType: "CONTACT_TO_COMPANY" },
      { ...event, fromObjectId: 2, toObjectId: 1, associationType: "CONTACT_TO_COMPANY" },
      { ...event, fromObjectId: 1, toObjectId: 2, associationType: "CONTACT_TO_DEAL" },
      { ...event, fromObjectId: 1, toObjectId: 3 },
      event,
    ].map(keyOf);
    expect(new Set(keys).size).toBe(keys.length);
    expect(keyOf({ ...event, objectId: 1, attemptNumber: 3 })).toBe(keys[0]);
  });
});

describe("notifications without content", () => {
  const graph = { subscriptionId: "s", resource: "me/drive/root", clientState: "c" };

  test.each<[string, string]>([
    ["dropbox", '{"list_folder":{"accounts":["dbid:x","dbid:y"]}}'],
    ["ms-graph", JSON.stringify({ value: [{ ...graph, changeType: "updated" }] })],
    ["ms-graph", JSON.stringify({ value: [{ ...graph, changeType: "deleted", resourceData: { id: "1" } }] })],
    [
      "ms-graph",
      JSON.stringify({ value: [{ subscriptionId: "s", lifecycleEvent: "missed", clientState: "c" }] }),
    ],
    ["token", '{"button":1}'],
    ["basic", '{"button":1}'],
    ["none", '{"button":1}'],
  ])("has no key in a delivery of %s that says only to look again: %s", (preset, body) => {
    expect(keysOf(presetScheme(preset, {}), body)).toEqual([]);
    expect(keysOf(presetScheme(preset, { equal_bodies: "duplicate" }), body)).not.toEqual([]);
  });

  test("takes equal bodies without an id as events where the connector says so", () => {
    for (const preset of ["hmac-sha256", "gitlab", "airtable", "xero"])
      expect(keysOf(presetScheme(preset, { equal_bodies: "event" }), '{"events":[{}]}')).toEqual([]);
  });

  test("knows a retry of an event that has an id, also where equal bodies are events", () => {
    const change = { ...graph, changeType: "updated", resourceData: { "@odata.etag": "W/1" } };
    const body = JSON.stringify({ value: [change] });
    const [key] = keysOf(presetScheme("ms-graph", {}), body);
    expect(key).toMatch(/^item-hash:/);
    expect(keysOf(presetScheme("ms-graph", {}), body.replace("[", "[ "))).toEqual([key]);
    const token = presetScheme("token", { id_header: "x-id" });
    expect(keysOf(token, "{}", { "x-id": "1" })).toEqual([expect.stringMatching(/^id\+body:/)]);
    expect(keysOf(token, "{}", { "x-id": "1" })).toEqual(keysOf(token, "{}", { "x-id": "1" }));
    expect(keysOf(token, "{}", { "x-id": "2" })).not.toEqual(keysOf(token, "{}", { "x-id": "1" }));
  });
});
