import { describe, expect, test } from "vitest";
import { type Polling, pages, polling, rows } from "../support/polling.ts";

const keysOf = (source: Polling) => source.keys.source(source.source.tenantId, source.source.source);

/** Returns the names of the shards in Redis. */
async function shardsOf(source: Polling): Promise<string[]> {
  return await source.redis.keys(`${keysOf(source).shard(0).slice(0, -1)}*`);
}

/** Deletes everything, like a flush, an eviction, or eight days without a poll. */
async function loseAll(source: Polling): Promise<void> {
  const { digests, pages: notes } = keysOf(source);
  await source.redis.del(digests, notes, ...(await shardsOf(source)));
}

describe("lost digests", () => {
  test.each(["silent", "emit"] as const)(
    "lost digests are rebuilt without events over several polls, after a %s baseline",
    async (baseline) => {
      const source = await polling({ baseline });
      await source.poll(pages(rows(3_000)));
      await loseAll(source);
      expect(await source.poll([...pages(rows(3_000)).slice(0, 10), "failed"])).toMatchObject({
        status: "degraded",
        created: 0,
        updated: 0,
        deleted: 0,
      });
      expect(source.alerts).toEqual(["poll.state_lost opened"]);
      expect(await source.poll(pages(rows(3_000)))).toMatchObject({ status: "ok", created: 0, updated: 0 });
      expect(source.alerts.at(-1)).toBe("poll.state_lost resolved");
      const next = rows(3_001).map((row) => ({ ...row, value: row.id === 9 ? 2 : 1 }));
      expect((await source.poll(pages(next))).events).toEqual(["updated 9", "created 3000"]);
    },
  );

  test("reports changes dated after the last poll although the digests are lost", async () => {
    const source = await polling({ updatedAt: "at" });
    await source.poll(pages(rows(50).map((row) => ({ ...row, at: 1_000 }))));
    await loseAll(source);
    const next = rows(50).map((row) => ({ ...row, at: row.id === 4 ? 2_000 : 1_000 }));
    expect((await source.poll(pages(next))).events).toEqual(["updated 4"]);
  });

  test("only the lost part of the digests is rebuilt without events", async () => {
    const source = await polling();
    await source.poll(pages(rows(10_000)));
    const shards = await shardsOf(source);
    expect(shards.length).toBeGreaterThan(8);
    await source.redis.del(...shards.slice(0, 4));
    const changed = rows(10_000).map((row) => ({ ...row, value: 2 }));
    // An incomplete poll, so that the lost part is still partial at the next one.
    const partly = await source.poll([...pages(changed).slice(0, 50), "failed"]);
    expect(partly).toMatchObject({ created: 0, deleted: 0 });
    expect(partly.updated).toBeGreaterThan(1_000);
    expect(partly.updated).toBeLessThan(5_000);
    const whole = await source.poll(pages(changed));
    expect(whole).toMatchObject({ status: "ok", complete: true, created: 0, deleted: 0 });
    expect(source.alerts).toEqual(["poll.state_lost opened", "poll.state_lost resolved"]);
    expect((await source.poll(pages([...changed, { id: -1 }]))).events.slice(-1)).toEqual(["created -1"]);
    expect((await source.poll(pages([...changed, { id: -1 }]))).events).toEqual([]);
  });

  test("digests of an old backup are ignored", async () => {
    const source = await polling();
    await source.poll(pages(rows(100)));
    const [shard = ""] = await shardsOf(source);
    const { digests } = keysOf(source);
    const old = {
      head: await source.redis.hgetallBuffer(digests),
      shard: await source.redis.getBuffer(shard),
    };
    await source.poll(pages(rows(200)));
    await source.poll(pages(rows(300)));
    await source.redis.del(digests);
    await source.redis.hset(digests, old.head);
    await source.redis.set(shard, old.shard as Buffer);
    expect(await source.poll(pages(rows(300)))).toMatchObject({ created: 0, updated: 0, deleted: 0 });
    expect((await source.poll(pages(rows(301)))).events).toEqual(["created 300"]);
  });

  test("digests lost during a poll are noticed by the next one", async () => {
    const source = await polling({}, { maxStagedRecords: 50 });
    await source.poll(pages(rows(500)));
    let pageNumber = 0;
    source.reached = async (place) => {
      if (place === "page") pageNumber += 1;
      if (place === "page" && pageNumber === 3) await loseAll(source);
    };
    const next = rows(500).map((row) => ({ ...row, value: 2 }));
    expect(await source.poll(pages(next))).toMatchObject({ status: "ok", updated: 500 });
    source.reached = undefined;
    expect(await source.poll(pages(next))).toMatchObject({ created: 0, updated: 0, deleted: 0 });
    expect((await source.poll(pages([...next, { id: -1 }]))).events).toEqual(["created -1"]);
  });

  test("every poll extends the TTL of the digests to a week", async () => {
    const source = await polling({ maxIntervalSeconds: 4 * 86_400 });
    await source.poll(pages(rows(300)));
    const { digests, pages: notes } = keysOf(source);
    const names = [digests, notes, ...(await shardsOf(source))];
    for (const name of names) await source.redis.expire(name, 60);
    await source.poll(pages(rows(300)));
    const left = await Promise.all(names.map((name) => source.redis.ttl(name)));
    expect(Math.min(...left)).toBeGreaterThan(12 * 86_400 - 60);
  });

  test("digests are not lost while Redis is unavailable", async () => {
    const source = await polling();
    await source.poll(pages(rows(100)));
    const { redis } = source;
    source.redis = { hmgetBuffer: () => Promise.reject(new Error("Connection is closed.")) } as never;
    const failed = await source.begin(pages(rows(90)));
    expect(failed).toMatchObject({ status: "error", error: { code: "store_unavailable" } });
    source.redis = redis;
    expect(await source.poll(pages(rows(100)))).toMatchObject({ status: "ok", created: 0, deleted: 0 });
  });
});
