import { expect, test } from "vitest";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { accepted } from "../support/flow.ts";
import { runningPipeline, states } from "../support/running-pipeline.ts";
import { until } from "../support/until.ts";

test("runs of a process that has room are carried out where they were made, without a job", async () => {
  const { database, pipeline, deploy } = await runningPipeline({ note() {} });
  // No worker takes a job.
  for (const queue of pipeline.queues.byLane.values()) await queue.pause();
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

test("beyond half of the room, runs of one tenant wait for a worker", async () => {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  const { database, pipeline, deploy } = await runningPipeline(
    { hold: () => released },
    { execute: { ...DEFAULT_BOUNDS.execute, maxRunsHere: 6 } },
  );
  const queues = [...pipeline.queues.byLane.values()];
  await Promise.all(queues.map((queue) => queue.pause()));
  await deploy("f", "hold");
  await accepted(
    database,
    "acme",
    Array.from({ length: 8 }, (_, n) => n),
  );
  await until("three are under way", async () => (await states(database))["running"] === 3);
  expect(await states(database)).toEqual({ running: 3, queued: 5 });

  await Promise.all(queues.map((queue) => queue.resume()));
  await until("the others have their workers", async () => (await states(database))["running"] === 8);
  release();
  await until("all succeeded", async () => (await states(database))["succeeded"] === 8);
});
