import { expect, test } from "vitest";
import { acceptEvents } from "../../src/postgres/events/accept.ts";
import { type Polling, pages, polling, rows } from "../support/polling.ts";

const WEBHOOK = {
  record: "order",
  types: { "orders/create": "created", "orders/edit": "updated", "orders/delete": "deleted" },
} as const;

let deliveries = 0;

/** Inserts an accepted webhook at a time of the poll's clock. */
async function webhook(source: Polling, type: string, order: unknown, atMs = source.nowMs): Promise<void> {
  deliveries += 1;
  const result = await acceptEvents(source.database.ingest, [
    {
      tenantId: "acme",
      connector: "shop",
      endpoint: "main",
      type,
      source: "webhook",
      priority: 2,
      deliveryKey: `delivery-${deliveries}`,
      item: 0,
      headers: {},
      contentType: "application/json",
      keys: [],
      payload: Buffer.from(JSON.stringify({ order })),
    },
  ]);
  if (result.kind !== "accepted") throw new Error("It was not accepted");
  // The test's clock is minutes ahead of the database's.
  await source.database.pipeline.query({
    text: "UPDATE events SET received_at = to_timestamp($2::float8 / 1000) WHERE id = $1",
    values: [result.events[0]?.eventId, atMs],
  });
}

/** Returns a source with a baseline of the records 0 to 9 and a webhook mapping. */
async function withWebhooks(): Promise<Polling> {
  const source = await polling({ webhook: WEBHOOK });
  await source.poll(pages(rows(10)));
  return source;
}

test("a poll does not repeat a webhook's change and marks changes that no webhook reported", async () => {
  const source = await withWebhooks();
  await webhook(source, "orders/edit", { value: 2, id: 3 });
  await webhook(source, "orders/create", { id: 10, value: 1 });
  await webhook(source, "orders/delete", { id: 0 });
  await webhook(source, "orders/other", { id: 1, value: 5 });
  const next = rows(10, 1).map((row) => ({ ...row, value: row.id === 3 || row.id === 4 ? 2 : 1 }));
  source.nowMs += 1_000;
  const poll = await source.poll(pages(next));
  expect(poll).toMatchObject({ status: "ok", events: ["updated 4"] });
  expect((await source.events())[0]?.synthetic).toEqual({
    missedByWebhook: true,
    changes: { "/value": { from: 1, to: 2 } },
  });
  expect((await source.poll(pages(next))).events).toEqual([]);
  // The next change is compared with the webhook's record.
  const last = next.map((row) => ({ ...row, value: row.id === 3 ? 9 : row.value }));
  await source.poll(pages(last));
  expect((await source.events())[1]?.synthetic).toMatchObject({ changes: { "/value": { from: 2, to: 9 } } });
  expect((await source.poll(pages([{ id: 0, value: 1 }, ...last]))).events).toEqual(["restored 0"]);
});

test("a webhook during a poll overrides only pages requested before it", async () => {
  const source = await withWebhooks();
  const startedAtMs = source.nowMs;
  source.reached = async (place) => {
    if (place !== "page") return;
    await webhook(source, "orders/edit", { id: 5, value: 7 }, startedAtMs + 500);
    await webhook(source, "orders/edit", { id: 6, value: 7 }, startedAtMs - 500);
  };
  const stale = rows(10).map((row) => ({ ...row, value: row.id === 5 || row.id === 6 ? 3 : 1 }));
  // The page shows an older value of record 5 and a newer one of record 6 than their webhooks.
  expect((await source.poll(pages(stale))).events).toEqual(["updated 6"]);
  source.reached = undefined;
  const now = stale.map((row) => ({ ...row, value: row.id === 5 ? 7 : row.value }));
  expect((await source.poll(pages(now))).events).toEqual([]);
});

test("a reverted webhook change is found on an unchanged page", async () => {
  const source = await withWebhooks();
  await webhook(source, "orders/edit", { id: 5, value: 7 });
  source.nowMs += 1_000;
  expect((await source.poll(pages(rows(10)))).events).toEqual(["updated 5"]);
  expect((await source.poll(pages(rows(10)))).events).toEqual([]);
});
