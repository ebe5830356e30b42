import { expect, onTestFinished, test } from "vitest";
import { type FakeApi, fakeOrders, startFakeApi } from "./fake-api.ts";
import { createFakeQuota } from "./fake-quota.ts";

async function start(count = 25): Promise<FakeApi> {
  const api = await startFakeApi(fakeOrders(count));
  onTestFinished(api.close);
  return api;
}

interface Page {
  orders: { id: number }[];
  next?: string;
}

const ids = (body: Page) => body.orders.map(({ id }) => id);

test("the fake API serves pages that shift and cursors that do not", async () => {
  const api = await start();
  api.afterPage = (page) => {
    if (page === 1) api.records.insert({ id: 99 }, "head");
  };
  const get = async (path: string) => (await fetch(api.url + path)).json() as Promise<Page>;
  expect(ids(await get("/page/orders?page=1&per_page=10"))).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(ids(await get("/page/orders?page=2&per_page=10"))[0]).toBe(10);
  api.records.delete(99);
  api.afterPage = (page) => void (page === 1 && api.records.delete(1));
  const first = await get("/cursor/orders");
  expect(ids(await get(`/cursor/orders?cursor=${first.next}`))[0]).toBe(11);
  expect(api.pages().map(({ page }) => page)).toEqual([1, 2, 1, 1]);
});

test("the fake API answers 304 to its validators, injects faults, and answers 429 over its quota", async () => {
  const api = await start();
  api.validators = "etag";
  const etag = (await fetch(`${api.url}/none/orders`)).headers.get("etag") as string;
  const again = () => fetch(`${api.url}/none/orders`, { headers: { "if-none-match": etag } });
  expect((await again()).status).toBe(304);
  api.records.update(1, { status: "paid" });
  expect((await again()).status).toBe(200);
  api.failNext({ kind: "rate_limited", retryAfter: "7" });
  const limited = await again();
  expect([limited.status, limited.headers.get("retry-after")]).toEqual([429, "7"]);
  api.quota = createFakeQuota({ limit: 1, windowMs: 60_000, style: "structured" });
  expect((await again()).headers.get("ratelimit")).toBe('"default";r=0;t=60');
  expect((await again()).status).toBe(429);
});
