import { randomBytes } from "node:crypto";
import { onTestFinished } from "vitest";
import type { FlowDefinition } from "../../src/domain/flow/flow.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { createKeyRing } from "../../src/postgres/core/key-ring.ts";
import { signingSecretAad } from "../../src/postgres/flows/flows.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { createOutgoingHttp } from "../../src/runtime/outgoing/index.ts";
import type { Handler } from "../../src/sdk/index.ts";
import { type Bounds, DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { composePipeline, type Pipeline } from "../../src/wiring/compose/compose.ts";
import type { FastPathMode } from "../../src/wiring/compose/compose-fast-path.ts";
import { ROLES } from "../../src/wiring/config.ts";
import { createMetrics } from "../../src/wiring/metrics.ts";
import { readInstallation } from "../../src/wiring/stores.ts";
import { migratedDatabase } from "./database.ts";
import { deployed } from "./flow.ts";
import { localHandlers } from "./local-handlers.ts";
import { testRedisUrl } from "./stores.ts";

/** The ways in which tests of the pipeline run: without shortcuts between its stages, and with all of them. */
export const FAST_PATHS: readonly FastPathMode[] = ["off", "with-local-runs"];

/** Starts all stages in this process, on real stores, with the given handlers. */
export async function runningPipeline(
  handlers: Record<string, Handler>,
  over: Partial<Bounds> = {},
  fastPath: FastPathMode = "on",
): Promise<{
  database: Database;
  pipeline: Pipeline;
  deploy: (
    flowId: string,
    handler: string,
    over?: Partial<FlowDefinition> & { tenantId?: string },
  ) => Promise<number>;
}> {
  const { url, database } = await migratedDatabase();
  const keyRing = createKeyRing(`k1:${randomBytes(32).toString("base64")}`);
  const outgoing = createOutgoingHttp({ allowPrivate: [] });
  const pipeline = composePipeline({
    roles: new Set(ROLES),
    bounds: { ...DEFAULT_BOUNDS, ...over },
    fastPath,
    database,
    listenUrl: url,
    redisUrl: testRedisUrl(),
    installation: await readInstallation(database.pipeline),
    keyRing,
    handlers: localHandlers(handlers),
    codeSources: new Map(),
    outgoing,
    metrics: createMetrics(),
    faults: { note() {}, stop() {} },
    log: createLogger("silent"),
  });
  await pipeline.start();
  onTestFinished(async () => {
    await pipeline.stop();
    await outgoing.close();
  });
  const deploy = async (
    flowId: string,
    handler: string,
    { tenantId = "acme", ...definition }: Partial<FlowDefinition> & { tenantId?: string } = {},
  ) => {
    const version = await deployed(database, tenantId, flowId, {
      action: { type: "code", handler },
      retry: { max_attempts: 3, backoff: "fixed", delay_ms: 20, max_delay_ms: 20 },
      ...definition,
    });
    const { sealed, keyId } = keyRing.seal("whsec_c2VjcmV0", signingSecretAad({ tenantId, flowId }));
    await database.transaction((transaction) =>
      transaction.query({
        text: "UPDATE flows SET signing_sealed = $2, signing_key_id = $3 WHERE id = $1 AND tenant_id = $4",
        values: [flowId, sealed, keyId, tenantId],
      }),
    );
    return version;
  };
  return { database, pipeline, deploy };
}

/** Accepts events of a tenant through the pipeline's acceptor, one per delivery, and returns their ids. */
export async function delivered(
  { receiving }: Pipeline,
  tenantId: string,
  data: readonly unknown[],
): Promise<string[]> {
  const answers = await Promise.all(
    data.map((one) =>
      receiving.acceptor.accept({
        events: [
          {
            tenantId,
            connector: "shop",
            endpoint: "default",
            type: "order.paid",
            source: "webhook",
            priority: 2,
            deliveryKey: `id:${JSON.stringify(one)}`,
            item: 0,
            headers: {},
            contentType: "application/json",
            payload: Buffer.from(JSON.stringify(one)),
            keys: [],
          },
        ],
      }),
    ),
  );
  return answers.flatMap((answer) =>
    answer.kind === "accepted" ? answer.events.map(({ eventId }) => eventId) : [],
  );
}

/** Counts the runs in each state. */
export async function states(database: Database): Promise<Record<string, number>> {
  const rows = await database.pipeline.query({
    text: "SELECT state, count(*)::int AS n FROM runs GROUP BY state",
  });
  return Object.fromEntries(rows.map((row) => [row["state"], row["n"]]));
}
