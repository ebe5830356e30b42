import { describe, expect, test } from "vitest";
import { readDelivery } from "./delivery.ts";
import { presetScheme } from "./presets/index.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import { InboundRequest } from "./schemes/inbound-request.ts";
import type { Scheme, SchemeInput } from "./schemes/scheme.ts";

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

describe("a batch", () => {
  const batch = custom({
    items: ["/events"],
    type: { from: [{ item: "/kind" }], suffix: { item: "/action" } },
    account: [{ item: "/org" }],
    occurred_at: { from: [{ item: "/at" }], unit: "ms" },
  });

  test("keeps the digits of every item's numbers, and of the members beside the list", () => {
    const body = '{"total":0.1000,"events":[{"kind":"a","id":1234567890123456789},1.50]}';
    const request = new InboundRequest({ method: "POST", url: "", rawHeaders: [], body: Buffer.from(body) });
    const { events } = readDelivery(batch, request);
    expect(request.textsOf(events.map(({ data }) => data)).map(String)).toEqual([
      '{"total":0.1000,"kind":"a","id":1234567890123456789}',
      "1.50",
    ]);
  });

  test("reads every item of a batch as an event with its own type, account and key", () => {
    const { events } = read(
      batch,
      '{"events":[{"kind":"task","action":"added","org":1,"at":5},{"kind":"story"}]}',
    );
    expect(events).toMatchObject([
      {
        item: 0,
        type: "task.added",
        account: "1",
        occurredAtMs: 5,
        keys: [{ key: expect.stringMatching(/^0\/body:/) }, { key: expect.stringMatching(/^body:/) }],
      },
      {
        item: 1,
        type: "story",
        data: { kind: "story" },
        keys: [{ key: expect.stringMatching(/^1\/body:/) }],
      },
    ]);
  });

  test("recognises an item by its id in any batch", () => {
    const scheme = custom({ items: [""], delivery_id: [{ item: "/id" }] });
    const ownKeys = (body: string) => read(scheme, body).events.map((event) => event.keys[0]?.key);
    expect(ownKeys('[{"id":1},{"id":2}]')).toEqual(["item:1", "item:2"]);
    expect(ownKeys('[{"id":2},{}]')).toEqual(["item:2", expect.stringMatching(/^1\/body:/)]);
  });

  test("recognises a batch that is replayed under another content type", () => {
    for (const scheme of [batch, custom({ items: [""], delivery_id: [{ item: "/id" }] })]) {
      for (const body of ['{"events":[{"kind":"a"},{"kind":"b"}]}', '[{"id":1},{"id":2}]']) {
        const taken = keysOf(scheme, body);
        for (const type of ["application/x-www-form-urlencoded", "text/plain"]) {
          expect(keysOf(scheme, body, { "content-type": type })).toEqual(taken);
        }
      }
    }
  });

  test("reads no event from an empty batch", () => {
    expect(read(batch, '{"events":[]}').events).toEqual([]);
  });

  test("reads a body without the batch array, or an unreadable one, as one event without a type", () => {
    expect(read(batch, '{"other":1}').events).toMatchObject([{ item: 0, data: { other: 1 } }]);
    expect(read(batch, "{").events).toMatchObject([{ item: 0, data: undefined }]);
  });
});

describe("nested items", () => {
  const entity = (name: string, id: string, lastUpdated: string) => ({
    name,
    id,
    operation: "Create",
    lastUpdated,
  });
  const customer = entity("Customer", "1", "2015-10-05T14:42:19-0700");
  const vendor = entity("Vendor", "1", "2020-12-05T01:03:05.000Z");
  const notification = (realmId: string, ...entities: unknown[]) => ({
    realmId,
    dataChangeEvent: { entities },
  });

  test("reads every entity of an Intuit notification as an event with its own type, key, subject and time", () => {
    const body = JSON.stringify({
      eventNotifications: [notification("r1", customer, vendor), notification("r2", customer)],
    });
    const { events, isBatch } = read(presetScheme("intuit", {}), body);
    expect(isBatch).toBe(true);
    expect(events).toMatchObject([
      { item: 0, type: "Customer.Create", account: "r1", subject: "1", data: notification("r1", customer) },
      { item: 1, type: "Vendor.Create", account: "r1", subject: "1", data: notification("r1", vendor) },
      { item: 2, type: "Customer.Create", account: "r2", subject: "1", data: notification("r2", customer) },
    ]);
    expect(events.map(({ data }) => JSON.stringify(data).split('"name"').length)).toEqual([2, 2, 2]);
    expect(events.map(({ occurredAtMs }) => occurredAtMs)).toEqual([
      Date.UTC(2015, 9, 5, 21, 42, 19),
      Date.UTC(2020, 11, 5, 1, 3, 5),
      Date.UTC(2015, 9, 5, 21, 42, 19),
    ]);
    const keys = events.map((event) => event.keys[0]?.key);
    expect(new Set(keys).size).toBe(3);
    expect(read(presetScheme("intuit", {}), body).events.map((event) => event.keys[0]?.key)).toEqual(keys);
  });

  test("reads Intuit's CloudEvents, and a notification without entities, as one event each", () => {
    const cloud = {
      id: "ce1",
      type: "qbo.invoice.created.v1",
      time: "2026-01-01T00:00:00Z",
      intuitentityid: "7",
    };
    expect(read(presetScheme("intuit", {}), JSON.stringify([cloud])).events).toMatchObject([
      { type: cloud.type, subject: "7", occurredAtMs: Date.UTC(2026, 0, 1), data: cloud },
    ]);
    for (const item of [notification("r1"), { realmId: "r1", dataChangeEvent: { entities: "x" } }]) {
      const { events } = read(presetScheme("intuit", {}), JSON.stringify({ eventNotifications: [item] }));
      expect(events).toMatchObject([{ account: "r1", data: item }]);
      expect(events).toHaveLength(1);
    }
  });

  test("reads each message, status and change of a WhatsApp entry as an event with the members above it", () => {
    const value = { messaging_product: "whatsapp", metadata: { phone_number_id: "p1" } };
    const messages = [{ id: "wamid.1" }, { id: "wamid.2" }];
    const body = {
      object: "whatsapp_business_account",
      entry: [
        {
          id: "w1",
          changes: [
            {
              field: "messages",
              value: { ...value, messages, statuses: [{ id: "wamid.0", status: "read" }] },
            },
            { field: "account_update", value: { event: "VERIFIED_ACCOUNT" } },
          ],
        },
        { id: "w2", messaging: [{ message: { mid: "m1" } }, { message: { mid: "m2" } }] },
      ],
    };
    const { events } = read(presetScheme("meta", {}), JSON.stringify(body));
    const shared = { object: "whatsapp_business_account", id: "w1" };
    const change = (inner: object) => ({
      ...shared,
      changes: [{ field: "messages", value: { ...value, ...inner } }],
    });
    expect(events.map(({ data }) => data)).toEqual([
      change({ messages: [messages[0]] }),
      change({ messages: [messages[1]] }),
      change({ statuses: [{ id: "wamid.0", status: "read" }] }),
      { ...shared, changes: [body.entry[0]?.changes?.[1]] },
      { ...shared, id: "w2", messaging: [{ message: { mid: "m1" } }] },
      { ...shared, id: "w2", messaging: [{ message: { mid: "m2" } }] },
    ]);
    expect(events.map(({ type }) => type?.split(".")[1])).toEqual([
      "messages",
      "messages",
      "messages",
      "account_update",
      undefined,
      undefined,
    ]);
    expect(events.map(({ account }) => account)).toEqual(["w1", "w1", "w1", "w1", "w2", "w2"]);
  });

  test("reads lists of three levels, and leaves the delivery as it came", () => {
    const scheme = custom({
      items: ["/a"],
      nested: [["/b"], ["/c/d~1e"], ["/f"]],
      type: { from: [{ item: "/t" }] },
    });
    const body = '{"a":[{"t":"x","b":[{"n":1,"c":{"d/e":[{"f":[1,2],"g":3},{"f":[]}]}},{"n":2}]}]}';
    const request = new InboundRequest({
      method: "POST",
      url: "/in",
      rawHeaders: [],
      body: Buffer.from(body),
    });
    expect(readDelivery(scheme, request).events.map(({ data }) => data)).toEqual([
      { t: "x", b: [{ n: 1, c: { "d/e": [{ f: [1], g: 3 }] } }] },
      { t: "x", b: [{ n: 1, c: { "d/e": [{ f: [2], g: 3 }] } }] },
      { t: "x", b: [{ n: 1, c: { "d/e": [{ f: [] }] } }] },
      { t: "x", b: [{ n: 2 }] },
    ]);
    expect(request.parsed).toMatchObject({ kind: "parsed", data: JSON.parse(body) });
  });
});

describe("members beside a list of items", () => {
  test("gives each item of Xero the members beside the list", () => {
    const body = '{"events":[{"resourceId":"r1"},{"resourceId":"r2"}],"firstEventSequence":4,"entropy":"e"}';
    expect(read(presetScheme("xero", {}), body).events.map(({ data }) => data)).toEqual([
      { firstEventSequence: 4, entropy: "e", resourceId: "r1" },
      { firstEventSequence: 4, entropy: "e", resourceId: "r2" },
    ]);
  });

  const signedInBody: Partial<SchemeInput> = {
    items: ["/batch/list"],
    signature: { from: [{ body: "/auth/signature" }, { body: "/batch/token" }], encoding: "hex" },
  };

  test("prefers an item's own members, then those nearest to the list, and never shares a signature", () => {
    const body =
      '{"id":"top","at":1,"auth":{"signature":"s"},"batch":{"id":"near","token":"t","list":[{"n":1},{"id":"own"},5]}}';
    const dataOf = (changes: Partial<SchemeInput>) =>
      read(custom({ ...signedInBody, ...changes }), body).events.map(({ data }) => data);
    expect(dataOf({})).toEqual([{ id: "near", at: 1, n: 1 }, { id: "own", at: 1 }, 5]);
    expect(dataOf({ beside: ["at", "auth"] })).toEqual([{ at: 1, n: 1 }, { at: 1, id: "own" }, 5]);
    expect(dataOf({ beside: [] })).toEqual([{ n: 1 }, { id: "own" }, 5]);
  });

  test("does not share the validation tokens of Microsoft Graph", () => {
    const body = '{"value":[{"subscriptionId":"s"}],"validationTokens":["eyJ"]}';
    expect(read(presetScheme("ms-graph", {}), body).events[0]?.data).toEqual({ subscriptionId: "s" });
  });

  test("does not share members that would make a batch many times larger", () => {
    const items = Array.from({ length: 3_000 }, (_, n) => ({ n }));
    const [event] = read(
      custom({ items: ["/e"] }),
      JSON.stringify({ e: items, large: "x".repeat(3_000) }),
    ).events;
    expect(event?.data).toEqual({ n: 0 });
    const [small] = read(
      custom({ items: ["/e"] }),
      JSON.stringify({ e: items, large: "x".repeat(2_000) }),
    ).events;
    expect(small?.data).toMatchObject({ n: 0, large: "x".repeat(2_000) });
  });
});
