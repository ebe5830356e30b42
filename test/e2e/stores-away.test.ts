import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { SECRET, signed } from "../support/deliver.ts";
import { freeze } from "../support/freeze.ts";
import { createInstallation } from "../support/installation.ts";
import { api } from "../support/process.ts";
import { connect, eventsOf, type Posted, post } from "../support/receiving.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** A receiving process on private stores. The tenant `limited` has a rate limit that it never reaches. */
async function receivingOnOwnStores() {
  const stores = await privateStores();
  const { start } = await createInstallation(stores);
  const headrace = await start({ roles: "api,receive" });
  await api(headrace.url, "PUT", "/tenants/acme", {});
  await api(headrace.url, "PUT", "/tenants/limited", { limits: { events_per_second: 100_000 } });
  const shop = { secret: SECRET, connector: "shop" };
  const url = await connect(headrace, "standard-webhooks", shop);
  const limited = await connect(headrace, "standard-webhooks", { ...shop, tenant: "limited" });
  return { stores, headrace, url, limited };
}

let sent = 0;

function fresh(): [Record<string, string>, string] {
  sent += 1;
  const { headers, body } = signed({ id: `m-${sent}`, type: "t", data: { sent } });
  return [headers, body];
}

/** Sends `count` deliveries, four at a time, which must be accepted. Returns the p99 of their latency, ms. */
async function p99Of(url: string, count: number): Promise<number> {
  const tookMs: number[] = [];
  async function sender(): Promise<void> {
    while (tookMs.length < count) {
      const delivery = fresh();
      const startedMs = performance.now();
      const answer = await post(url, ...delivery);
      tookMs.push(performance.now() - startedMs);
      expect([answer.status, JSON.parse(answer.text).status]).toEqual([200, "accepted"]);
    }
  }
  await Promise.all([sender(), sender(), sender(), sender()]);
  return tookMs.sort((left, right) => left - right)[Math.floor(tookMs.length * 0.99)] as number;
}

describe("Redis that is away", () => {
  test.each(["gone", "frozen"] as const)(
    "Redis that is %s fails no delivery, makes no duplicate, and adds less than 50 ms to the p99",
    async (how) => {
      const { stores, url, limited } = await receivingOnOwnStores();
      await p99Of(url, 200);
      await p99Of(limited, 200);
      const grownMs = async () => {
        const before = [await p99Of(url, 300), await p99Of(limited, 300)];
        const thaw = how === "frozen" ? freeze(stores.redis) : undefined;
        if (thaw === undefined) await stores.redis.kill();
        try {
          const during = [await p99Of(url, 300), await p99Of(limited, 300)];
          const delivery = fresh();
          const [first, again] = [await post(limited, ...delivery), await post(limited, ...delivery)];
          expect(JSON.parse(again.text)).toEqual({ ...JSON.parse(first.text), status: "duplicate" });
          return Math.max(...during.map((ms, index) => ms - (before[index] as number)));
        } finally {
          if (thaw === undefined) await stores.redis.restart();
          else thaw();
        }
      };
      // Other work of the machine can only add latency, so one undisturbed round is enough.
      const rounds: number[] = [];
      await until(
        "p99 grows by less than 50 ms",
        async () => {
          rounds.push(await grownMs());
          return (rounds.at(-1) as number) < 50;
        },
        { withinMs: 80_000 },
      );
      console.info(`Redis ${how}: p99 grew by ${rounds.map((ms) => ms.toFixed(1)).join(", ")} ms`);
    },
    120_000,
  );
});

describe("PostgreSQL that hangs", () => {
  test("while PostgreSQL hangs nothing is acknowledged, and a repeated delivery is one event", async () => {
    const { stores, headrace, url } = await receivingOnOwnStores();
    expect((await post(url, ...fresh())).status).toBe(200);
    const delivery = fresh();
    const thaw = freeze(stores.postgres);
    const answers: Promise<Posted>[] = [];
    try {
      const slow = (sent: [Record<string, string>, string]) =>
        fetch(url, { method: "POST", headers: sent[0], body: sent[1] }).then(async (answer) => ({
          status: answer.status,
          headers: answer.headers,
          text: await answer.text(),
        }));
      answers.push(slow(delivery));
      await until("deliveries are put off at once", async () => {
        answers.push(slow(fresh()));
        const startedMs = performance.now();
        const put = await Promise.race([
          slow(fresh()),
          new Promise<undefined>((resolve) => setTimeout(resolve, 1_000, undefined)),
        ]);
        return put?.status === 503 && performance.now() - startedMs < 1_000;
      });
      for (const { status, headers } of await Promise.all(answers)) {
        expect(status).toBe(503);
        expect(Number(headers.get("retry-after"))).toBeGreaterThanOrEqual(1);
      }
    } finally {
      thaw();
    }
    await until("the delivery is taken", async () => (await post(url, ...delivery)).status === 200);
    const again = await post(url, ...delivery);
    expect([again.status, JSON.parse(again.text).status]).toEqual([200, "duplicate"]);
    const ids = (await eventsOf(headrace)).filter(
      (event) =>
        (event.data as { data: { sent: number } }).data.sent === Number(delivery[0]["webhook-id"]?.slice(2)),
    );
    expect(ids).toHaveLength(1);
  }, 120_000);
});
