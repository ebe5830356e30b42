import type { Database, Queryable } from "../postgres/core/database.ts";
import {
  type AutoReplayPolicy,
  countInFlight,
  endAutoTurn,
  listAutoTenants,
  listClearedDeadLetters,
  listDueDeadLetters,
  skipDeadLetters,
  takeAutoTurn,
} from "../postgres/dead-letters/auto-replay.ts";
import { lockDeadLetters, type ReplayCause } from "../postgres/dead-letters/lock.ts";
import type { QueuedRun } from "../postgres/runs/replay.ts";
import type { Step } from "../runtime/loop.ts";
import { type ReplayDeps, replayDeadLetters } from "./replay-dead-letters.ts";

/** Bounds of automatic replays. */
export interface AutoReplayBounds {
  /** Default for the timed replays of a dead letter, and for those after a cleared cause. */
  maxReplays: number;
  /** The wait before the first replay, ms. An exponential back-off doubles it each time, up to `maxDelayMs`. */
  delayMs: number;
  maxDelayMs: number;
  /** Replays of one tenant that start in one turn. */
  batchSize: number;
  /** Replays of one tenant in flight at once. */
  maxInFlight: number;
  /** Tenants per turn; the next turn continues after them. */
  maxTenants: number;
  /** How long a turn may take before another process takes it, ms. */
  leaseMs: number;
  /** The wait between two turns, ms. */
  stepMs: number;
  /** The wait after a turn that found no tenant with a policy and dead letters, ms. */
  idleMs: number;
}

/** Returns the wait before each replay that a policy allows, ms. Pure. */
export function delaysOf(
  policy: AutoReplayPolicy,
  { maxReplays, delayMs, maxDelayMs }: Pick<AutoReplayBounds, "maxReplays" | "delayMs" | "maxDelayMs">,
): number[] {
  return Array.from({ length: policy.max_replays ?? maxReplays }, (_, nth) =>
    policy.backoff === "fixed" ? delayMs : Math.min(maxDelayMs, delayMs * 2 ** Math.min(nth, 30)),
  );
}

/**
 * Creates the step of automatic replays. A turn replays for each tenant first the dead letters whose cause was cleared,
 * then the due ones, within the bounds of the tenant. Processes take turns, and replays lock their dead letters.
 */
export function createAutoReplays(deps: {
  database: Pick<Database, "pipeline" | "transaction">;
  replay: ReplayDeps;
  bounds: AutoReplayBounds;
  /** Queues the jobs of committed runs. */
  queue: (runs: readonly QueuedRun[]) => void;
  onReplayed: (cause: ReplayCause, deadLetters: number) => void;
}): Step {
  const { database, bounds } = deps;
  let afterTenant = "";
  return async () => {
    if (!(await takeAutoTurn(database.pipeline, bounds.leaseMs))) return { waitMs: bounds.stepMs };
    const tenants = await listAutoTenants(database.pipeline, { afterTenant, limit: bounds.maxTenants });
    for (const { tenantId, policy } of tenants) await replayTenant(deps, tenantId, policy);
    afterTenant = tenants.length < bounds.maxTenants ? "" : (tenants.at(-1)?.tenantId ?? "");
    const waitMs = tenants.length > 0 ? bounds.stepMs : bounds.idleMs;
    await endAutoTurn(database.pipeline, waitMs);
    return { waitMs };
  };
}

type AutoDeps = Parameters<typeof createAutoReplays>[0];

async function replayTenant(deps: AutoDeps, tenantId: string, policy: AutoReplayPolicy): Promise<void> {
  const { bounds } = deps;
  const only = policy.only ?? {};
  const delaysMs = delaysOf(policy, bounds);
  const started = await deps.database.transaction(async (transaction) => {
    const inFlight = await countInFlight(transaction, tenantId, bounds.maxInFlight);
    const room = Math.min(bounds.batchSize, bounds.maxInFlight - inFlight);
    if (room <= 0) return [];
    const cleared = await listClearedDeadLetters(
      transaction,
      { tenantId, only, limit: room },
      delaysMs.length,
    );
    const first = await replayIds(deps, transaction, { tenantId, ids: cleared, cause: "cleared" });
    const left = room - cleared.length;
    if (left <= 0) return [first];
    const due = await listDueDeadLetters(transaction, { tenantId, only, limit: left }, delaysMs);
    return [first, await replayIds(deps, transaction, { tenantId, ids: due, cause: "auto" })];
  });
  for (const { cause, runs, letters } of started) {
    if (runs.length > 0) deps.queue(runs);
    if (letters > 0) deps.onReplayed(cause, letters);
  }
}

async function replayIds(
  { replay }: AutoDeps,
  transaction: Queryable,
  { tenantId, ids, cause }: { tenantId: string; ids: readonly string[]; cause: ReplayCause },
): Promise<{ cause: ReplayCause; runs: QueuedRun[]; letters: number }> {
  if (ids.length === 0) return { cause, runs: [], letters: 0 };
  const letters = await lockDeadLetters(transaction, { tenantId, ids, passOver: true });
  const replays = await replayDeadLetters(transaction, { tenantId, letters, cause }, replay);
  await skipDeadLetters(
    transaction,
    replays.flatMap((one) => (one.kind === "flow_gone" ? one.letterId : [])),
    cause,
  );
  const made = replays.flatMap((one) => (one.kind === "replayed" ? [one.runs] : []));
  return { cause, runs: made.flat(), letters: made.length };
}
