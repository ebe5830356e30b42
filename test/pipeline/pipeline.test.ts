import { randomBytes } from "node:crypto";
import { describe, expect, onTestFinished, test } from "vitest";
import { composePipeline, type Pipeline } from "../../src/app/compose.ts";
import { ROLES } from "../../src/app/config.ts";
import { DEFAULT_LIMITS } from "../../src/app/limits.ts";
import { createMetrics } from "../../src/app/metrics.ts";
import { readInstallation } from "../../src/app/stores.ts";
import type { Handler } from "../../src/pipeline/execute/code-action.ts";
import type { Database } from "../../src/postgres/database.ts";
import { undeployFlow } from "../../src/postgres/deployments.ts";
import { signingPlace } from "../../src/postgres/flows.ts";
import { createKeyRing } from "../../src/postgres/key-ring.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { createOutgoingHttp } from "../../src/runtime/outgoing/index.ts";
import { migratedDatabase } from "../support/database.ts";
import { accepted, deployed } from "../support/flow.ts";
import { testRedisUrl } from "../support/stores.ts";
import { until } from "../support/until.ts";

/** All stages in this process, on real stores, with the handlers given. */
async function runningPipeline(handlers: Record<string, Handler>): Promise<{
  database: Database;
  pipeline: Pipeline;
  deploy: (flowId: string, handler: string) => Promise<number>;
}> {
  const { url, database } = await migratedDatabase();
  const keyRing = createKeyRing(`k1:${randomBytes(32).toString("base64")}`);
  const outgoing = createOutgoingHttp({ allowPrivate: [] });
  const pipeline = composePipeline({
    roles: new Set(ROLES),
    limits: DEFAULT_LIMITS,
    database,
    listenUrl: url,
    redisUrl: testRedisUrl(),
    installation: await readInstallation(database.pipeline),
    keyRing,
    handlers: new Map(Object.entries(handlers)),
    codeSources: new Map(),
    outgoing,
    metrics: createMetrics(),
    log: createLogger("silent"),
  });
  await pipeline.start();
  onTestFinished(async () => {
    await pipeline.stop();
    await outgoing.close();
  });
  const deploy = async (flowId: string, handler: string) => {
    const version = await deployed(database, "acme", flowId, {
      action: { type: "code", handler },
      retry: { max_attempts: 3, backoff: "fixed", delay_ms: 20, max_delay_ms: 20 },
    });
    const { sealed, keyId } = keyRing.seal("whsec_c2VjcmV0", signingPlace({ tenantId: "acme", flowId }));
    await database.transaction((transaction) =>
      transaction.query({
        text: "UPDATE flows SET signing_sealed = $2, signing_key_id = $3 WHERE id = $1",
        values: [flowId, sealed, keyId],
      }),
    );
    return version;
  };
  return { database, pipeline, deploy };
}

async function states(database: Database): Promise<Record<string, number>> {
  const rows = await database.pipeline.query({
    text: "SELECT state, count(*)::int AS n FROM runs GROUP BY state",
  });
  return Object.fromEntries(rows.map((row) => [row["state"], row["n"]]));
}

describe("the pipeline", () => {
  test("runs every matched flow of every event once", async () => {
    const seen: string[] = [];
    const { database, deploy } = await runningPipeline({ see: ({ event }) => void seen.push(event.id) });
    await deploy("first", "see");
    await deploy("second", "see");
    const ids = await accepted(
      database,
      "acme",
      Array.from({ length: 200 }, (_, n) => n),
    );
    await until("all runs succeeded", async () => (await states(database))["succeeded"] === 400);
    expect(seen.sort()).toEqual([...ids, ...ids].sort());
  });

  test("tries a failing run again, and buries it after its last attempt with its cause", async () => {
    const attempts: number[] = [];
    const { database, deploy } = await runningPipeline({
      fail({ attempt }) {
        attempts.push(attempt);
        throw new TypeError("no such thing");
      },
    });
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

  test("buries events that no flow wants, and events that cannot be read, each at its stage", async () => {
    const { database } = await runningPipeline({});
    await accepted(database, "acme", [{ n: 1 }]);
    await accepted(database, "acme", ["raw"], () => Buffer.from('{"broken'));
    const letters = () =>
      database.pipeline.query({ text: "SELECT stage, status, event_payload FROM dead_letters" });
    await until("both are buried", async () => (await letters()).length === 2);
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
    const { database, deploy } = await runningPipeline({ see: ({ event }) => void seen.push(event.data) });
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
