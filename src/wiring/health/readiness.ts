import type { Database } from "../../postgres/core/database.ts";
import { listMissingPartitions } from "../../postgres/schema/partitions.ts";
import { connectionFault, type RedisClient } from "../../redis/client.ts";
import { findServerFault } from "../../redis/server-state.ts";
import { errorMessage } from "../../runtime/error-message.ts";
import type { LoopProgress } from "../../runtime/loop.ts";

/** The result of all readiness checks. */
export interface Readiness {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

/** Consecutive failures after which a loop counts as stuck. */
const MAX_FAILURES = 3;

/** The time-out of a store, ms. */
const STORE_TIMEOUT_MS = 2_000;

/**
 * Creates the readiness check. It is red if a store is away or cannot do its work, a stored secret cannot be opened,
 * partitions of today or tomorrow are missing, nothing could be accepted, a loop keeps failing, or the process is not
 * serving.
 */
export function createReadiness(deps: {
  database: Database;
  redis: RedisClient;
  /** The key that is written to check that Redis takes writes. */
  redisProbeKey: string;
  loops: () => LoopProgress[];
  /** Returns why the process is not serving; undefined if it is. */
  notServing: () => string | undefined;
  /** Returns whether the deployed flows are loaded; undefined if this process does not route. */
  flowsReady: () => boolean | undefined;
  /** Returns whether every stored secret can be opened; undefined if this process opens none. */
  encryptionKeys: () => Readiness["checks"][string] | undefined;
  /** Returns whether events can be accepted; undefined if this process accepts none. */
  accepting: () => Readiness["checks"][string] | undefined;
}): () => Promise<Readiness> {
  const checkStores = () =>
    Promise.all([
      answers(deps.database.pipeline.query({ text: "SELECT 1" })),
      answers(refuseMissingPartitions(deps.database)),
      judgeRedis(deps.redis, deps.redisProbeKey),
    ]);
  /** Concurrent requests share one check of the stores, since anybody can request it. */
  let running: ReturnType<typeof checkStores> | undefined;
  return async () => {
    running ??= checkStores().finally(() => {
      running = undefined;
    });
    const [postgres, partitions, redis] = await running;
    const checks: Readiness["checks"] = { postgres, partitions, redis };
    const accepting = deps.accepting();
    if (accepting !== undefined) checks["accepting"] = accepting;
    const encryptionKeys = deps.encryptionKeys();
    if (encryptionKeys !== undefined) checks["encryption_keys"] = encryptionKeys;
    const reason = deps.notServing();
    checks["process"] = reason === undefined ? { ok: true } : { ok: false, detail: reason };
    for (const loop of deps.loops()) checks[`loop ${loop.name}`] = judgeLoop(loop);
    if (deps.flowsReady() === false)
      checks["flows"] = { ok: false, detail: "the deployed flows are not loaded yet" };
    return { ready: Object.values(checks).every((check) => check.ok), checks };
  };
}

async function refuseMissingPartitions(database: Database): Promise<void> {
  const missing = await listMissingPartitions(database.pipeline, 1);
  if (missing.length > 0) throw new Error(`missing: ${missing.join(", ")}`);
}

async function judgeRedis(redis: RedisClient, probeKey: string): Promise<{ ok: boolean; detail?: string }> {
  const away = connectionFault(redis);
  if (away !== undefined) return { ok: false, detail: away };
  const fault = findServerFault(redis, probeKey).then((detail) => {
    if (detail !== undefined) throw new Error(detail);
  });
  const check = await answers(fault);
  // A lost connection explains more than the failed command.
  const lost = check.ok ? undefined : connectionFault(redis);
  return lost === undefined ? check : { ok: false, detail: lost };
}

async function answers(reply: Promise<unknown>): Promise<{ ok: boolean; detail?: string }> {
  const timeout = new Promise<never>((_, reject) => {
    setTimeout(() => reject(new Error(`no answer within ${STORE_TIMEOUT_MS} ms`)), STORE_TIMEOUT_MS).unref();
  });
  try {
    await Promise.race([reply, timeout]);
    return { ok: true };
  } catch (error) {
    return { ok: false, detail: errorMessage(error) };
  }
}

function judgeLoop(loop: LoopProgress): { ok: boolean; detail?: string } {
  if (loop.failures < MAX_FAILURES) return { ok: true };
  return { ok: false, detail: `${loop.failures} steps failed in a row: ${loop.lastError ?? ""}` };
}
