import { Redis } from "ioredis";
import pg from "pg";
import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { api } from "../support/process.ts";
import { testRedisUrl } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const SECRET = "sk_live_hunter2_hunter2";

describe("a flow with templates", () => {
  test("a templated flow sends values of the event and secrets, and dies if one is missing", async () => {
    const { start, databaseUrl } = await createInstallation();
    const calls: { path: string; authorization: string; body: string }[] = [];
    const sink = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      const { authorization } = request.headers;
      calls.push({
        path: String(request.url),
        authorization: String(authorization),
        body: Buffer.concat(chunks).toString(),
      });
      response.writeHead(400).end();
    });
    const headrace = await start({ env: { LOG_LEVEL: "trace" } });
    const { url } = headrace;
    const runs = async () =>
      ((await api(url, "GET", "/tenants/acme/runs")) as { items: { status: string; attempts: unknown[] }[] })
        .items;
    await api(url, "PUT", "/tenants/acme", {});
    await api(url, "PUT", "/tenants/acme/flows/f", {
      trigger: {},
      action: {
        type: "http",
        url: `${sink.url}/orders/{{event.data.id}}?t={{tenant.id}}&key={{secret.shop}}`,
        headers: { Authorization: "Bearer {{secret.shop}}" },
        body: '{"total": "{{event.data.total}}", "note": "for {{event.data.name}}", "run": "{{run.id}}"}',
      },
    });
    await api(url, "POST", "/tenants/acme/flows/f/deploy");
    const send = (data: unknown) => api(url, "POST", "/tenants/acme/events", { type: "order.paid", data });

    await send({ id: "a/1", total: 12.5, name: 'A "B"' });
    await until("the run without its secret is dead", async () => (await runs())[0]?.status === "dead");
    expect((await runs())[0]?.attempts).toMatchObject([
      {
        error: {
          message: "action.url needs the secret shop, which does not exist or cannot be decrypted",
        },
      },
    ]);
    expect(calls).toEqual([]);

    await api(url, "PUT", "/tenants/acme/secrets/shop", { value: SECRET });
    await send({ id: "a/1", total: 12.5, name: 'A "B"' });
    await until("the target was called", () => calls.length === 1);
    const [call] = calls;
    expect(call).toMatchObject({
      path: `/orders/a%2F1?t=acme&key=${SECRET}`,
      authorization: `Bearer ${SECRET}`,
    });
    expect(JSON.parse(call?.body ?? "")).toEqual({
      total: 12.5,
      note: 'for A "B"',
      run: expect.stringMatching(/^[0-9a-f-]{36}$/),
    });
    await until("both runs ended", async () => (await runs()).every((run) => run.status === "dead"));

    expect(headrace.output()).not.toContain(SECRET);
    const shown = [
      await runs(),
      await api(url, "GET", "/tenants/acme/dlq"),
      await api(url, "GET", "/tenants/acme/flows/f"),
    ];
    expect(JSON.stringify(shown)).not.toContain(SECRET);
    const stored = await everythingStored(databaseUrl);
    expect(stored).toContain(hex('"total":12.5'));
    expect(stored).not.toContain(SECRET);
    expect(stored).not.toContain(hex(SECRET));
    const inRedis = await everythingInRedis();
    expect(inRedis).not.toEqual("");
    expect(inRedis).not.toContain(SECRET);
  }, 60_000);
});

function hex(text: string): string {
  return Buffer.from(text).toString("hex").toUpperCase();
}

/** Every row of every table as text, bytes in hex. */
async function everythingStored(databaseUrl: string): Promise<string> {
  const client = new pg.Client(databaseUrl);
  await client.connect();
  try {
    await client.query("SET xmlbinary = hex");
    const { rows } = await client.query("SELECT database_to_xml(true, false, '')::text AS dump");
    return rows[0].dump;
  } finally {
    await client.end();
  }
}

async function everythingInRedis(): Promise<string> {
  const redis = new Redis(testRedisUrl());
  try {
    const dumps = await Promise.all((await redis.keys("*")).map((key) => redis.dumpBuffer(key)));
    return dumps.map((dump) => dump?.toString("latin1")).join("\n");
  } finally {
    redis.disconnect();
  }
}
