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
      body: { kind: "parsed", data: JSON.parse(body) },
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

  test("gives a GitHub delivery a key of id and body and, because the id is unsigned, a key of the body", () => {
    const bodyHash = createHash("sha256").update("{}").digest("hex");
    const keys = read(scheme, "{}", headers).events[0]?.keys;
    expect(keys).toEqual([
      { key: expect.stringMatching(/^id\+body:[0-9a-f]{64}$/), windowMs: 72 * HOUR_MS },
      { key: `body:${bodyHash}`, windowMs: 72 * HOUR_MS },
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
      { "content-type": "text/plain" },
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

describe("a batch", () => {
  const batch = custom({
    items: ["/events"],
    type: { from: [{ item: "/kind" }], suffix: { item: "/action" } },
    account: [{ item: "/org" }],
    occurred_at: { from: [{ item: "/at" }], unit: "ms" },
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
    const ownKeys = (body: string) => read(scheme, body).events.map((event) => event.keys[0].key);
    expect(ownKeys('[{"id":1},{"id":2}]')).toEqual(["item:1", "item:2"]);
    expect(ownKeys('[{"id":2},{}]')).toEqual(["item:2", expect.stringMatching(/^1\/body:/)]);
  });

  test("recognises a batch that is replayed as a single event under another content type", () => {
    for (const scheme of [batch, custom({ items: [""], delivery_id: [{ item: "/id" }] })]) {
      for (const body of ['{"events":[{"kind":"a"},{"kind":"b"}]}', '[{"id":1},{"id":2}]']) {
        const taken = keysOf(scheme, body);
        for (const type of ["application/x-www-form-urlencoded", "text/plain"]) {
          const [replayed, ...others] = read(scheme, body, { "content-type": type }).events;
          expect(others).toEqual([]);
          expect(replayed?.keys.some(({ key }) => taken.includes(key))).toBe(true);
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
