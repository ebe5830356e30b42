import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { type FakeApi, fakeOrders, startFakeApi } from "../support/fake-api.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** A process with a folder of flows, and a fake API to poll. */
async function installation(
  files: Record<string, string> = {},
): Promise<{ headrace: HeadraceProcess; shop: FakeApi; restart(): Promise<HeadraceProcess> }> {
  const { start } = await createInstallation();
  const shop = await startFakeApi(fakeOrders(25));
  onTestFinished(shop.close);
  const { folder } = flowsFolder(files);
  const env = { HEADRACE_FLOWS_DIR: folder, LOG_LEVEL: "debug" };
  const headrace = await start({ env });
  return {
    headrace,
    shop,
    async restart() {
      await headrace.end("SIGKILL");
      return await start({ env });
    },
  };
}

interface Poll {
  status: string;
  complete: boolean;
  error?: { code: string; message: string };
  records: number;
  created: number;
  updated: number;
}

/** Requests a poll and returns its outcome. */
async function poll({ url }: HeadraceProcess): Promise<Poll> {
  return (await api(url, "POST", "/tenants/acme/sources/orders/poll?wait=true")) as Poll;
}

async function setUp(headrace: HeadraceProcess, source: unknown, more: object): Promise<void> {
  await api(headrace.url, "PUT", "/tenants/acme", {});
  await api(headrace.url, "PUT", "/connectors/shop", { source });
  await api(headrace.url, "PUT", "/tenants/acme/sources/orders", {
    connector: "shop",
    entity: "order",
    base_interval_seconds: 3600,
    ...more,
  });
}

/** The types and subjects of the events of polls. */
async function events({ url }: HeadraceProcess): Promise<string[]> {
  const { items } = (await api(url, "GET", "/tenants/acme/events?source=poll")) as {
    items: { type: string; subject: string }[];
  };
  return items.map(({ type, subject }) => `${type} ${subject}`).sort();
}

const CODE = `
  import { defineSource } from "headrace";
  export default defineSource({
    id: "shop-orders",
    async fetchPage({ cursor, params, credentials, signal }) {
      const answer = await fetch(\`\${params.base_url}/cursor/orders\${cursor ? "?cursor=" + cursor : ""}\`, { signal });
      if (!answer.ok) throw new Error(\`answered \${answer.status} to \${credentials.key}\`);
      const { orders, next, total } = await answer.json();
      return { records: orders, next, total };
    },
  });`;

describe("a polled source", () => {
  test("a source in code of the flows folder is polled, and its changes become events", async () => {
    const { headrace, shop } = await installation({ "shop-orders.ts": CODE });
    const params = { base_url: shop.url };
    await setUp(headrace, { handler: "shop-orders" }, { params, credentials: { key: "k-s3cret" } });
    expect(await poll(headrace)).toMatchObject({ status: "ok", complete: true, records: 25 });
    shop.records.update(7, { status: "paid" });
    shop.records.insert({ id: 26, status: "open" });
    await until("the changes are events", async () => {
      expect(await poll(headrace)).toMatchObject({ status: "ok" });
      return (await events(headrace)).length === 2;
    });
    expect(await events(headrace)).toEqual(["order.created 26", "order.updated 7"]);
    shop.fault = () => ({ kind: "status", status: 500 });
    expect((await poll(headrace)).error).toMatchObject({
      code: "SOURCE_THREW",
      message: "fetchPage threw: answered 500 to [redacted]",
    });
  });

  test("an OAuth source continues after a crash with the latest refresh token", async () => {
    const { headrace, shop, restart } = await installation();
    shop.oauth.rotates = true;
    shop.authorize = shop.oauth.authorize;
    const auth = { type: "oauth2", grant: "refresh_token", token_url: "{base_url}/oauth/token" };
    await setUp(
      headrace,
      { ...shop.source("offset"), auth },
      {
        params: { base_url: shop.url },
        credentials: { client_id: "id", client_secret: "secret", refresh_token: "refresh-1" },
      },
    );
    expect(await poll(headrace)).toMatchObject({ status: "ok", records: 25 });
    expect(shop.oauth.refreshToken).toBe("refresh-2");
    await until("no poll is running", async () => {
      const { state } = (await api(headrace.url, "GET", "/tenants/acme/sources/orders")) as { state: string };
      return state === "ok";
    });
    shop.oauth.revoke();
    const again = await restart();
    shop.records.update(3, { status: "paid" });
    // The first request can join a poll that began before the change.
    await until("the change is an event", async () => {
      expect(await poll(again)).toMatchObject({ status: "ok" });
      return (await events(again)).includes("order.updated 3");
    });
    expect(shop.oauth.issued.length).toBeGreaterThan(1);
    for (const { output } of [headrace, again]) expect(output()).not.toMatch(/access-\d|refresh-\d/);
  });
});
