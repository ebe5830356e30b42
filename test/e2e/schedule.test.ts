import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { freePorts } from "../support/ports.ts";
import { api, startHeadrace } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { createDatabase, testRedisUrl } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(async () => {
  await builtProgram();
}, 120_000);

interface Tick {
  occurred_at: string;
  source: string;
  status: string;
}

describe("a deployed schedule", () => {
  test("calls its target once a second, whichever scheduler is killed, also in the middle of a tick", async () => {
    const { url: databaseUrl, drop } = await createDatabase();
    onTestFinished(drop);
    const sink = await startSink();
    onTestFinished(() => sink.close());
    const ports = await freePorts(3);
    const begin = (index: number, roles: string, env: Record<string, string> = {}) => {
      const port = ports[index] as number;
      const own = startHeadrace({ databaseUrl, redisUrl: testRedisUrl(), port, roles, env });
      onTestFinished(async () => {
        if (!own.ended) await own.end("SIGKILL");
      });
      return own;
    };
    const ticks = async () =>
      ((await api(base.url, "GET", "/tenants/acme/events?limit=1000")) as { items: Tick[] }).items.reverse();

    const base = begin(0, "api,relay,route,execute");
    await base.ready();
    await api(base.url, "PUT", "/tenants/acme", {});
    await api(base.url, "PUT", "/tenants/acme/flows/f", {
      trigger: { schedule: { cron: "* * * * * *", data: { from: "clock" } } },
      action: { type: "http", url: sink.url },
    });
    const flow = (await api(base.url, "POST", "/tenants/acme/flows/f/deploy")) as { next_ticks: string[] };
    expect(flow.next_ticks).toHaveLength(5);

    // The first scheduler dies with its tick written and not committed, the second between two ticks.
    const dying = begin(1, "schedule", { HEADRACE_FAILPOINTS: "schedule.written" });
    await until("the scheduler is gone", () => dying.ended);
    expect(await ticks()).toEqual([]);
    const second = begin(1, "schedule");
    begin(2, "schedule");
    await until("some ticks were made", async () => (await ticks()).length >= 3);
    await second.end("SIGKILL");
    const before = (await ticks()).length;
    await until("ticks go on", async () => (await ticks()).length >= before + 3);

    await api(base.url, "POST", "/tenants/acme/flows/f/undeploy");
    const made = await ticks();
    const seconds = made.map((tick) => Date.parse(tick.occurred_at) / 1_000);
    const first = seconds[0] as number;
    expect(seconds).toEqual(seconds.map((_, index) => first + index));
    await until("the target got every tick", async () => sink.calls.length >= made.length);
    expect(sink.calls.map((call) => call.event).every((event) => event.type === "schedule.tick")).toBe(true);
    expect(sink.calls[0]?.event.data).toEqual({ from: "clock" });
    expect(new Set(sink.calls.map((call) => call.event.id)).size).toBe(made.length);
    expect((await ticks()).length).toBe(made.length);
  }, 90_000);
});
