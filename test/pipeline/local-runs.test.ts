import { setTimeout as sleep } from "node:timers/promises";
import { expect, test } from "vitest";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import type { Pipeline } from "../../src/wiring/compose/compose.ts";
import { accepted } from "../support/flow.ts";
import { runningPipeline, states } from "../support/running-pipeline.ts";
import { until } from "../support/until.ts";

async function pauseQueues({ queues }: Pipeline): Promise<() => Promise<unknown>> {
  const all = [...queues.byLane.values()];
  await Promise.all(all.map((queue) => queue.pause()));
  return () => Promise.all(all.map((queue) => queue.resume()));
}

test("a paused BullMQ queue pauses its runs by default", async () => {
  const seen: unknown[] = [];
  const { database, pipeline, deploy } = await runningPipeline({
    note: ({ event }) => void seen.push(event.data),
  });
  const resume = await pauseQueues(pipeline);
  await deploy("f", "note");
  await accepted(database, "acme", [1, 2, 3, 4, 5]);
  await until("all runs are queued", async () => (await states(database))["queued"] === 5);
  await sleep(500);
  expect(await states(database)).toEqual({ queued: 5 });
  expect(seen).toEqual([]);
  const waiting = [...pipeline.queues.byLane.values()].map((queue) => queue.getWaitingCount());
  expect((await Promise.all(waiting)).reduce((sum, jobs) => sum + jobs, 0)).toBeGreaterThan(0);
  await resume();
  await until("all succeeded", async () => (await states(database))["succeeded"] === 5);
});

test("local runs start without a job while all queues are paused", async () => {
  const { database, pipeline, deploy } = await runningPipeline({ note() {} }, {}, "with-local-runs");
  await pauseQueues(pipeline);
  await deploy("f", "note");
  await accepted(database, "acme", [1, 2, 3, 4, 5]);
  await until("all succeeded", async () => (await states(database))["succeeded"] === 5);
  const kept = await database.pipeline.query({
    text: "SELECT r.fence > 0 AS is_fenced, r.generation, a.attempt, a.outcome FROM runs r JOIN attempts a ON a.run_id = r.id",
  });
  expect(kept).toEqual(
    Array.from({ length: 5 }, () => ({ is_fenced: true, generation: 0, attempt: 1, outcome: "done" })),
  );
});

test("local runs of one tenant take at most half of the capacity, and the others go to BullMQ", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { database, pipeline, deploy } = await runningPipeline(
    { hold: () => released },
    { fastPath: { ...DEFAULT_BOUNDS.fastPath, maxLocalRuns: 6 } },
    "with-local-runs",
  );
  const resume = await pauseQueues(pipeline);
  await deploy("f", "hold");
  await accepted(
    database,
    "acme",
    Array.from({ length: 8 }, (_, n) => n),
  );
  await until("three are under way", async () => (await states(database))["running"] === 3);
  expect(await states(database)).toEqual({ running: 3, queued: 5 });

  await resume();
  await until("the others have their workers", async () => (await states(database))["running"] === 8);
  release();
  await until("all succeeded", async () => (await states(database))["succeeded"] === 8);
});
