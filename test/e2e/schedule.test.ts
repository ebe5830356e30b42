import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

interface Tick {
  occurred_at: string;
  source: string;
  status: string;
}

describe("a deployed schedule", () => {
  test("a schedule ticks once per second even if schedulers are killed, also during a tick", async () => {
    const { launch, start } = await createInstallation();
    const sink = await startSink();
    const ticks = async () =>
      ((await api(base.url, "GET", "/tenants/acme/events?limit=1000")) as { items: Tick[] }).items.reverse();

    const base = await start({ roles: "api,relay,route,execute" });
    await api(base.url, "PUT", "/tenants/acme", {});
    const flow = (await putAndDeploy(base.url, "acme", "f", {
      trigger: { schedule: { cron: "* * * * * *", data: { from: "clock" } } },
      action: { type: "http", url: sink.url },
    })) as { next_ticks: string[] };
    expect(flow.next_ticks).toHaveLength(5);

    // The first scheduler dies before it commits its tick, the second between two ticks.
    const dying = launch({ roles: "schedule", env: { HEADRACE_FAILPOINTS: "schedule.written" } });
    await until("the scheduler is gone", () => dying.ended);
    expect(await ticks()).toEqual([]);
    const second = launch({ roles: "schedule" });
    launch({ roles: "schedule" });
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
