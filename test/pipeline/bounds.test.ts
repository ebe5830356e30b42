import { randomBytes } from "node:crypto";
import { expect, onTestFinished, test } from "vitest";
import { createKeyRing } from "../../src/postgres/core/key-ring.ts";
import { signingSecretAad } from "../../src/postgres/flows/flows.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { createOutgoingHttp } from "../../src/runtime/outgoing/index.ts";
import { type Bounds, DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { composePipeline } from "../../src/wiring/compose/compose.ts";
import { ROLES } from "../../src/wiring/config.ts";
import { createMetrics } from "../../src/wiring/metrics.ts";
import { readInstallation } from "../../src/wiring/stores.ts";
import { migratedDatabase } from "../support/database.ts";
import { accepted, deployed } from "../support/flow.ts";
import { localHandlers } from "../support/local-handlers.ts";
import { FAST_PATHS } from "../support/running-pipeline.ts";
import { testRedisUrl } from "../support/stores.ts";
import { until } from "../support/until.ts";

const BOUNDS: Bounds = {
  ...DEFAULT_BOUNDS,
  execute: { ...DEFAULT_BOUNDS.execute, tenantConcurrency: 4 },
};

test.each(FAST_PATHS)(
  "a tenant's runs stay within its concurrency over two processes, and held runs spend no attempt, fast path %s",
  {
    timeout: 90_000,
  },
  async (fastPath) => {
    const { url, database } = await migratedDatabase();
    const keyRing = createKeyRing(`k1:${randomBytes(32).toString("base64")}`);
    let underWay = 0;
    let most = 0;
    const slow = async () => {
      underWay += 1;
      most = Math.max(most, underWay);
      await new Promise((resolve) => setTimeout(resolve, 20));
      underWay -= 1;
    };
    await deployed(database, "acme", "f", { action: { type: "code", handler: "slow" } });
    const { sealed, keyId } = keyRing.seal(
      "whsec_c2VjcmV0",
      signingSecretAad({ tenantId: "acme", flowId: "f" }),
    );
    await database.transaction((transaction) =>
      transaction.query({
        text: "UPDATE flows SET signing_sealed = $1, signing_key_id = $2",
        values: [sealed, keyId],
      }),
    );
    for (let copy = 0; copy < 2; copy += 1) {
      const outgoing = createOutgoingHttp({ allowPrivate: [] });
      const pipeline = composePipeline({
        roles: new Set(ROLES),
        bounds: BOUNDS,
        fastPath,
        database,
        listenUrl: url,
        redisUrl: testRedisUrl(),
        installation: await readInstallation(database.pipeline),
        keyRing,
        handlers: localHandlers({ slow }),
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
    }
    await accepted(
      database,
      "acme",
      Array.from({ length: 120 }, (_, n) => n),
    );
    const rows = (text: string) => database.pipeline.query({ text });
    await until(
      "some are held",
      async () =>
        (await rows("SELECT FROM runs WHERE held_reason = 'tenant_concurrency' AND attempts = 0")).length > 0,
    );
    await until(
      "all succeeded",
      async () => (await rows("SELECT FROM runs WHERE state = 'succeeded' AND attempts = 1")).length === 120,
      { withinMs: 60_000 },
    );
    expect(most).toBe(4);
  },
);
