import type { Database } from "../../postgres/core/database.ts";
import { listMissingPartitions } from "../../postgres/schema/partitions.ts";
import { connectionFault, type RedisClient } from "../../redis/client.ts";
import { findServerFault } from "../../redis/server-state.ts";
import type { LoopProgress } from "../../runtime/loop.ts";

export interface Readiness {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

/** A loop that failed this often in a row makes no progress. */
const MAX_FAILURES = 3;

/** A store that does not answer within this time is away, ms. */
const STORE_TIMEOUT_MS = 2_000;

/**
 * Red when a store is away or cannot do its work, a stored secret cannot be opened, tomorrow has no partitions, nothing could be accepted, a loop makes no progress, or the
 * process is not serving; says which.
 */
export function createReadiness(deps: {
  database: Database;
  redis: RedisClient;
  /** The key that shows whether Redis takes writes. */
  redisProbeKey: string;
  loops: () => LoopProgress[];
  /** Why the process is not serving yet, or no longer; undefined when it is. */
  notServing: () => string | undefined;
  /** True once a router knows the deployed flows; undefined where this process does not route. */
  flowsReady: () => boolean | undefined;
  /** Whether every stored secret can be opened; undefined where this process opens none. */
  encryptionKeys: () => Readiness["checks"][string] | undefined;
  /** Whether events are accepted; undefined where this process accepts none. */
  accepting: () => Readiness["checks"][string] | undefined;
}): () => Promise<Readiness> {
  const askStores = () =>
    Promise.all([
      answers(deps.database.pipeline.query({ text: "SELECT 1" })),
      answers(refuseMissingPartitions(deps.database)),
      judgeRedis(deps.redis, deps.redisProbeKey),
    ]);
  /** Anybody may ask: those who ask at once share one look at the stores. */
  let asked: ReturnType<typeof askStores> | undefined;
  return async () => {
    asked ??= askStores().finally(() => {
      asked = undefined;
    });
    const [postgres, partitions, redis] = await asked;
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
  // A connection that was lost meanwhile says more than the command that it took with it.
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
    return { ok: false, detail: error instanceof Error ? error.message : String(error) };
  }
}

function judgeLoop(loop: LoopProgress): { ok: boolean; detail?: string } {
  if (loop.failures < MAX_FAILURES) return { ok: true };
  return { ok: false, detail: `${loop.failures} steps failed in a row: ${loop.lastError ?? ""}` };
}
