import { describe, expect, test } from "vitest";
import { undeployFlow } from "../../src/postgres/flows/deployments.ts";
import type { FastPathMode } from "../../src/wiring/compose/compose-fast-path.ts";
import { accepted } from "../support/flow.ts";
import { delivered, runningPipeline, states } from "../support/running-pipeline.ts";
import { until } from "../support/until.ts";

const FAST_PATHS: FastPathMode[] = ["off", "on", "with-local-runs"];

describe.each(FAST_PATHS)("the pipeline, fast path %s", (fastPath) => {
  test("runs every matched flow of every event once", async () => {
    const seen: string[] = [];
    const { database, pipeline, deploy } = await runningPipeline(
      { see: ({ event }) => void seen.push(event.id) },
      {},
      fastPath,
    );
    await deploy("first", "see");
    await deploy("second", "see");
    const ids = await delivered(
      pipeline,
      "acme",
      Array.from({ length: 200 }, (_, n) => n),
    );
    await until("all runs succeeded", async () => (await states(database))["succeeded"] === 400);
    expect(seen.sort()).toEqual([...ids, ...ids].sort());
  });

  test("retries a failing run, and makes it a dead letter with its cause after its last attempt", async () => {
    const attempts: number[] = [];
    const { database, deploy } = await runningPipeline(
      {
        fail({ attempt }) {
          attempts.push(attempt);
          throw new TypeError("no such thing");
        },
      },
      {},
      fastPath,
    );
    await deploy("f", "fail");
    const [eventId] = await accepted(database, "acme", [{ n: 1 }]);
    await until("the run is dead", async () => (await states(database))["dead"] === 1);
    expect(attempts).toEqual([1, 2, 3]);
    const letters = await database.pipeline.query({ text: "SELECT * FROM dead_letters" });
    expect(letters).toMatchObject([
      {
        event_id: eventId,
        flow_id: "f",
        stage: "execute",
        error_message: "no such thing",
        error_context: { code: "HANDLER_THREW", stack: expect.stringContaining("TypeError") },
      },
    ]);
    const kept = await database.pipeline.query({
      text: "SELECT attempt, outcome FROM attempts ORDER BY attempt",
    });
    expect(kept.map((row) => row["outcome"])).toEqual(["retry", "retry", "dead"]);
  });

  test("makes dead letters of events that match no flow or cannot be read, each with its stage", async () => {
    const { database } = await runningPipeline({}, {}, fastPath);
    await accepted(database, "acme", [{ n: 1 }]);
    await accepted(database, "acme", ["raw"], () => Buffer.from('{"broken'));
    const letters = () =>
      database.pipeline.query({ text: "SELECT stage, status, event_payload FROM dead_letters" });
    await until("both are dead letters", async () => (await letters()).length === 2);
    const byStage = new Map((await letters()).map((row) => [row["stage"], row["event_payload"].toString()]));
    expect(byStage).toEqual(
      new Map([
        ["route", '{"n":1}'],
        ["normalize", '{"broken'],
      ]),
    );
  });

  test("matches a deploy and an undeploy for every event accepted after they returned", async () => {
    const seen: unknown[] = [];
    const { database, deploy } = await runningPipeline(
      { see: ({ event }) => void seen.push(event.data) },
      {},
      fastPath,
    );
    for (let round = 0; round < 40; round += 1) {
      await deploy("f", "see");
      await accepted(database, "acme", [`in ${round}`]);
      await database.withTenant("acme", (transaction) =>
        undeployFlow(transaction, { tenantId: "acme", flowId: "f" }),
      );
      await accepted(database, "acme", [`out ${round}`]);
    }
    await until("all are routed and every run ended", async () => {
      const [row] = await database.pipeline.query({
        text: `SELECT NOT EXISTS (SELECT FROM outbox) AND NOT EXISTS (SELECT FROM runs WHERE state <> 'succeeded') AS done`,
      });
      return row?.["done"];
    });
    expect(seen.sort()).toEqual(Array.from({ length: 40 }, (_, round) => `in ${round}`).sort());
  });
});
