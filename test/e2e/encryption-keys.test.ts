import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;
const K1 = `k1:${randomBytes(32).toString("base64")}`;
const K2 = `k2:${randomBytes(32).toString("base64")}`;
const OTHER_ADMIN_KEY = randomBytes(24).toString("base64url");

beforeAll(builtProgram);

async function readyz(url: string) {
  const answer = await fetch(`${url}/readyz`);
  return { status: answer.status, ...((await answer.json()) as { checks: Record<string, unknown> }) };
}

test("a process without an encryption key reports it and loses nothing, and rotation works while it serves", {
  timeout: 240_000,
}, async () => {
  const { launch, databaseUrl } = await createInstallation();
  const sink = await startSink();
  const launchWith = (keys: string, env: Record<string, string> = {}) =>
    launch({ env: { HEADRACE_ENCRYPTION_KEYS: keys, ...env } });
  const first = launchWith(K1);
  await first.ready();
  const { webhookPath } = await setUpTenant(first.url, "acme", {
    all: shopFlow(sink.url),
  });

  const lacking = launchWith(K2);
  await until(
    "the other process serves",
    async () => {
      if (lacking.ended) throw new Error(lacking.output());
      return await readyz(lacking.url).then(
        ({ checks }) => (checks["process"] as { ok: boolean } | undefined)?.ok === true,
        () => false,
      );
    },
    { withinMs: 90_000 },
  );
  const { status, checks } = await readyz(lacking.url);
  expect([status, checks["encryption_keys"]]).toEqual([
    503,
    { ok: false, detail: "key k1 is missing, which sealed 2 of them" },
  ]);
  expect(lacking.output()).toContain("key k1 is missing, which sealed 2 of them");
  const refused = await fetch(`${lacking.url}${webhookPath}`, { method: "POST", body: "{}" });
  expect([refused.status, refused.headers.get("retry-after")]).toEqual([503, "2"]);
  await until("the fault is logged", () => lacking.output().includes("a stored secret cannot be opened"));

  // Only the process without the key is left to execute the run.
  await first.end("SIGKILL");
  const event = await api(lacking.url, "POST", "/tenants/acme/events", {
    connector: "shop",
    type: "a",
    data: {},
  });
  expect(event).toMatchObject({ event_id: expect.any(String) });
  const runs = async () =>
    ((await api(lacking.url, "GET", "/tenants/acme/runs")) as { items: Record<string, unknown>[] }).items;
  await until("the run is held", async () => (await runs())[0]?.["held_reason"] === "encryption_key");

  const rotate = (keys: string) =>
    promisify(execFile)(process.execPath, [MAIN, "keys", "rotate-encryption", "--json"], {
      env: { PATH: process.env["PATH"], DATABASE_URL: databaseUrl, HEADRACE_ENCRYPTION_KEYS: keys },
    });
  await expect(rotate(K2)).rejects.toMatchObject({ code: 1, stdout: expect.stringContaining('"k1":2') });
  const { stdout, stderr } = await rotate(`${K2},${K1}`);
  expect(JSON.parse(stdout)).toEqual({
    key_id: "k2",
    secrets: 2,
    reencrypted: 2,
    unreadable: 0,
    remaining: {},
    removable: ["k1"],
  });
  expect(stderr).toContain("2/2");
  await lacking.ready();
  expect(await deliver(`${lacking.url}${webhookPath}`, { id: "msg_1", type: "b", data: {} })).toMatchObject({
    status: 200,
  });
  await until("both runs called the target", () => sink.calls.length === 2, { withinMs: 60_000 });
  expect((await runs()).map((run) => run["status"])).toEqual(["succeeded", "succeeded"]);
  const audit = (await api(lacking.url, "GET", "/audit?key=headrace keys rotate-encryption")) as {
    items: { object: string }[];
  };
  expect(audit.items[0]).toMatchObject({ object: "encryption-keys/k2" });

  const other = launchWith(K2, { HEADRACE_ADMIN_KEY: OTHER_ADMIN_KEY });
  await other.ready();
  const statusWith = async (url: string, key: string) =>
    (await fetch(`${url}/api/v1/keys`, { headers: { authorization: `Bearer ${key}` } })).status;
  for (const { url } of [lacking, other]) {
    expect([await statusWith(url, ADMIN_KEY), await statusWith(url, OTHER_ADMIN_KEY)]).toEqual([401, 200]);
  }
});
