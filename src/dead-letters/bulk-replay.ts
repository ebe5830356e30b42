import type { Database, Queryable } from "../postgres/core/database.ts";
import {
  lockDueBulk,
  moveBulk,
  nextBulkDueMs,
  pageOfBulk,
  type StoredBulk,
  takeOutcomes,
} from "../postgres/dead-letters/bulk-replay.ts";
import { lockDeadLetters } from "../postgres/dead-letters/lock.ts";
import type { QueuedRun } from "../postgres/runs/replay.ts";
import { failpoint } from "../runtime/failpoint.ts";
import type { Step } from "../runtime/loop.ts";
import { type BulkPace, paceBulk } from "./pace-bulk.ts";
import { type ReplayDeps, replayDeadLetters } from "./replay-dead-letters.ts";

/** Bounds of bulk replays. */
export interface BulkBounds extends BulkPace {
  /** Payloads read at once, bytes. */
  maxBytes: number;
  /** The longest wait when no bulk replay is due, ms. */
  idleMs: number;
}

/**
 * Creates the step of bulk replays, which continues one that is due. A step is one transaction that locks the row of the
 * bulk replay, so that processes share the work and a killed process leaves nothing half done.
 */
export function createBulkReplays(deps: {
  database: Pick<Database, "pipeline" | "transaction">;
  replay: ReplayDeps;
  bounds: BulkBounds;
  /** Queues the jobs of committed runs. */
  queue: (runs: readonly QueuedRun[]) => void;
  /** Called with the state after each step. */
  onStep: (bulk: StoredBulk, state: StoredBulk["state"]) => void;
}): Step {
  const { database, bounds, queue, onStep } = deps;
  return async () => {
    const done = await database.transaction(async (transaction) => {
      const bulk = await lockDueBulk(transaction);
      return bulk === undefined ? undefined : await continueBulk(transaction, bulk, deps);
    });
    if (done === undefined) {
      const dueMs = (await nextBulkDueMs(database.pipeline)) ?? bounds.idleMs;
      return { waitMs: Math.min(bounds.idleMs, Math.max(MIN_WAIT_MS, dueMs)) };
    }
    failpoint("replay.committed");
    if (done.runs.length > 0) queue(done.runs);
    onStep(done.bulk, done.state);
    return { waitMs: 0 };
  };
}

/** The shortest wait, ms: another process may have the due bulk replay. */
const MIN_WAIT_MS = 10;

async function continueBulk(
  transaction: Queryable,
  bulk: StoredBulk,
  { replay, bounds }: { replay: ReplayDeps; bounds: BulkBounds },
): Promise<{ bulk: StoredBulk; state: StoredBulk["state"]; runs: QueuedRun[] }> {
  const outcomes = await takeOutcomes(transaction, bulk.id);
  const step = paceBulk(bulk, outcomes, bounds);
  const taken = step.take === 0 ? NOTHING : await take(transaction, bulk, step.take, { replay, bounds });
  const failed = step.failed + taken.failed;
  const recent = { ended: step.recent.ended + taken.failed, failed: step.recent.failed + taken.failed };
  const exhausted = bulk.exhausted || taken.isLast;
  const isOver = outcomes.inFlight === 0 && taken.own.length === 0;
  const isDone = isOver && exhausted && (step.state === "running" || step.state === "canary");
  const state = isDone ? "done" : step.state;
  await moveBulk(transaction, bulk, {
    ...step,
    state,
    failed,
    recent,
    exhausted,
    started: bulk.started + taken.own.length + taken.failed,
    lastId: taken.lastId ?? bulk.lastId,
    isFinished: isOver && state !== "running" && state !== "canary",
    runIds: taken.own,
  });
  return { bulk, state, runs: taken.runs };
}

interface Taken {
  /** The ids of the first run of each dead letter. */
  own: string[];
  /** All runs that were made. */
  runs: QueuedRun[];
  /** Replays that led to no run. */
  failed: number;
  lastId: string | undefined;
  isLast: boolean;
}

const NOTHING: Taken = { own: [], runs: [], failed: 0, lastId: undefined, isLast: false };

async function take(
  transaction: Queryable,
  bulk: StoredBulk,
  limit: number,
  { replay, bounds }: { replay: ReplayDeps; bounds: BulkBounds },
): Promise<Taken> {
  const { tenantId } = bulk;
  const { ids, isLast } = await pageOfBulk(transaction, bulk, { limit, maxBytes: bounds.maxBytes });
  if (ids.length === 0) return { ...NOTHING, isLast };
  const letters = await lockDeadLetters(transaction, { tenantId, ids, passOver: false });
  const replays = await replayDeadLetters(transaction, { tenantId, letters, cause: "requested" }, replay);
  const made = replays.flatMap((one) => (one.kind === "replayed" ? [one.runs] : []));
  // Dead letters that were replayed elsewhere meanwhile do not count.
  const isFailure = ({ kind }: { kind: string }) => !["replayed", "in_flight", "ended"].includes(kind);
  return {
    own: made.map(([first]) => first.id),
    runs: made.flat(),
    failed: replays.filter(isFailure).length,
    lastId: ids.at(-1),
    isLast,
  };
}
