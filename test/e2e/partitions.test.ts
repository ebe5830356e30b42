import { beforeAll, describe, expect, test } from "vitest";
import { PARTITIONED_TABLES } from "../../src/postgres/schema/partitions.ts";
import { type AsApplicationRole, startAsApplicationRole } from "../support/application-role.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** Drops the partitions of today and tomorrow, as if the machine had slept for days. */
async function dropTodayAndTomorrow({ admin }: AsApplicationRole): Promise<void> {
  const suffixes = [0, 1].map((ahead) =>
    new Date(Date.now() + ahead * 86_400_000).toISOString().slice(0, 10).replaceAll("-", ""),
  );
  await admin(
    PARTITIONED_TABLES.flatMap((table) => suffixes.map((day) => `DROP TABLE ${table}_${day}`)).join(";"),
  );
}

async function readiness(
  url: string,
): Promise<{ status: number; partitions: { ok: boolean; detail?: string } }> {
  const answer = await fetch(`${url}/readyz`);
  const { checks } = (await answer.json()) as { checks: { partitions: { ok: boolean; detail?: string } } };
  return { status: answer.status, partitions: checks.partitions };
}

describe("a process whose partitions of today and tomorrow are missing, and whose login role owns no table", () => {
  test("missing partitions are created on demand for deliveries, events and manual runs", async () => {
    const sink = await startSink();
    const installation = await startAsApplicationRole({ roles: "api,receive,relay,route,execute,schedule" });
    const { headrace, admin } = installation;
    const flow = { trigger: { connector: "shop" }, action: { type: "http", url: sink.url } };
    const { webhookPath } = await setUpTenant(headrace.url, "acme", { f: flow });
    const send = (id: string) => deliver(`${headrace.url}${webhookPath}`, { id, type: "t", data: {} });

    await dropTodayAndTomorrow(installation);
    const red = await readiness(headrace.url);
    expect([red.status, red.partitions.ok]).toEqual([503, false]);
    expect(red.partitions.detail).toMatch(/missing: events_\d{8}/);
    expect((await send("one"))?.status).toBe(200);
    expect((await readiness(headrace.url)).partitions).toEqual({ ok: true });

    await until("the first run has ended", () => sink.calls.length === 1);
    await until("nothing is under way", async () => {
      const [row] = await admin(`SELECT (SELECT count(*)::int FROM outbox) + (SELECT count(*)::int FROM runs
        WHERE state <> 'succeeded') AS left`);
      return row?.["left"] === 0;
    });
    await dropTodayAndTomorrow(installation);
    const answers = await Promise.all(Array.from({ length: 40 }, (_, n) => send(`many-${n}`)));
    expect(answers.map((answer) => answer?.status)).toEqual(answers.map(() => 200));
    await until("every run has ended", () => sink.calls.length === 41);
    await until("every attempt is written", async () => {
      const [row] = await admin("SELECT count(*)::int AS count FROM attempts");
      return row?.["count"] === 40;
    });

    await dropTodayAndTomorrow(installation);
    await api(headrace.url, "POST", "/tenants/acme/events", { type: "t", data: {} });
    await dropTodayAndTomorrow(installation);
    await api(headrace.url, "POST", "/tenants/acme/flows/f/run", { data: {} });
    const { status } = await readiness(headrace.url);
    expect(status).toBe(200);
  }, 120_000);

  test("responds 503 with the cause while a partition cannot be created, and recovers", async () => {
    const installation = await startAsApplicationRole({ roles: "api,receive" });
    const { headrace, admin } = installation;
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {});
    const post = (path: string, headers: Record<string, string>, body: string) =>
      fetch(`${headrace.url}${path}`, { method: "POST", headers, body });
    const send = () => deliver(`${headrace.url}${webhookPath}`, { id: "one", type: "t", data: {} });

    await admin("REVOKE EXECUTE ON FUNCTION make_partitions(integer) FROM headrace_pipeline");
    await dropTodayAndTomorrow(installation);
    expect((await send())?.status).toBe(503);
    const headers = { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" };
    const answer = await post("/api/v1/tenants/acme/events", headers, `{"type":"t","data":{}}`);
    expect([answer.status, answer.headers.get("retry-after")]).toEqual([503, "2"]);
    expect((await readiness(headrace.url)).status).toBe(503);
    expect(headrace.output()).toMatch(
      /"cause":"no_partition".*permission denied for function make_partitions/,
    );
    const metrics = await (await fetch(`${headrace.url}/metrics`)).text();
    expect(metrics).toContain('headrace_unavailable_total{cause="no_partition"} 2');

    await admin("GRANT EXECUTE ON FUNCTION make_partitions(integer) TO headrace_pipeline");
    expect((await send())?.status).toBe(200);
    await headrace.ready();
  }, 120_000);
});
