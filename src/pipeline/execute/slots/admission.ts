import { HeadraceError } from "../../../domain/errors.ts";
import type { Priority } from "../../../domain/priority.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import { findPutOffRuns, putOffRuns, TENANT_SLOTS } from "../../../postgres/runs/held-runs.ts";
import type { ClaimedRuns, DueRun } from "../../../postgres/runs/runs.ts";
import type { JobData } from "../../../redis/job-queue.ts";
import { Batcher } from "../../../runtime/batcher.ts";
import { delay } from "../../../runtime/delay.ts";
import type { Executor, PreparedRun } from "../executor.ts";
import { createSlotLines, type SlotBounds } from "./slot-lines.ts";

export interface AdmissionBounds extends SlotBounds {
  /** Runs put off per statement. */
  batchSize: number;
  /**
   * How long the first run of a tenant is put off, ms; this process usually resumes it earlier. Each further hundred
   * runs add as much, up to `maxHoldMs`.
   */
  holdMs: number;
  maxHoldMs: number;
  /** The wait after a failed query for runs that were put off, ms. */
  retryMs: number;
  /**
   * The pause before more runs of a tenant are resumed, ms, if a resumed run was held by a breaker or a bound: each
   * costs a claim and is probably held too.
   */
  pauseMs: number;
  /** Runs resumed after such a pause. */
  maxProbing: number;
}

/** A run that needs a slot. */
export interface SlotUser {
  id: string;
  tenantId: string;
  lane: Priority;
}

/**
 * Starts runs when their tenants get slots. Runs of a tenant that uses its share are put off into PostgreSQL, without
 * spending an attempt, and resumed without a job, in the order of their events, when the tenant gets slots again.
 */
export interface Admission {
  /** Resolves when each run of the job is claimed in a slot, put off, or found to belong to another process. */
  admit(lane: Priority, job: JobData): Promise<void>;
  /** Takes a slot for a run that is about to be claimed. False if its tenant gets none, or runs of it wait. */
  reserve(run: SlotUser): boolean;
  /** Releases a reserved slot that was not used. */
  cancel(run: SlotUser): void;
  /** Executes runs that were claimed in reserved slots and reports the end of each. Resolves when all have ended. */
  start(claimed: ClaimedRuns, onEnded: (run: SlotUser) => void): Promise<void>;
  /** Resumes tenants whose put-off runs are among the due ones. */
  resumeDue(due: readonly DueRun[]): void;
  /** Starts no more runs. */
  stop(): void;
  /** Resolves when all runs that were started have ended. */
  drained(): Promise<void>;
}

export function createAdmission(deps: {
  database: Queryable;
  executor: Executor;
  bounds: AdmissionBounds;
  monotonicMs: () => number;
  onPutOff: (runs: number) => void;
  onError: (error: unknown) => void;
}): Admission {
  const { database, executor, bounds, monotonicMs, onError } = deps;
  const underWay = new Set<Promise<unknown>>();
  /** Per lane and tenant: the number of runs put off, and when a resumed run was last held, ms. */
  const lines = new Map<string, { runs: number; heldMs: number }>();
  const slots = createSlotLines({ bounds, monotonicMs, resume });
  const batches = {
    inFlight: 1,
    maxWaiting: Number.POSITIVE_INFINITY,
    full: () => new HeadraceError("store_unavailable", "Too many runs wait for PostgreSQL"),
  };
  const putOffs = new Batcher<{ id: string; delayMs: number }[], void>(
    async (jobs) => {
      await putOffRuns(database, jobs.flat());
      deps.onPutOff(jobs.flat().length);
      return jobs.map(() => undefined);
    },
    { ...batches, maxItems: bounds.batchSize },
  );
  const looks = new Batcher<{ tenantId: string; lane: Priority; limit: number }, FoundRuns>(
    (wanted) => findPutOffRuns(database, wanted),
    { ...batches, maxItems: bounds.batchSize },
  );

  /** Grows with the number of runs put off, so that runs of a long line seldom come due. */
  function nextDelayMs(lane: Priority, tenantId: string): number {
    const name = `${lane} ${tenantId}`;
    const line = lines.get(name) ?? { runs: 0, heldMs: Number.NEGATIVE_INFINITY };
    lines.set(name, line);
    line.runs += 1;
    return Math.min(bounds.maxHoldMs, bounds.holdMs * (1 + (line.runs - 1) / 100));
  }

  function track<Result>(work: Promise<Result>): Promise<Result> {
    underWay.add(work);
    const done = () => underWay.delete(work);
    work.then(done, done);
    return work;
  }

  /** Executes a run and releases its slot. */
  async function execute(prepared: PreparedRun): Promise<void> {
    const { lane, tenantId } = prepared.run;
    const startedMs = monotonicMs();
    try {
      const { isHeld } = await executor.execute(prepared);
      const line = isHeld ? lines.get(`${lane} ${tenantId}`) : undefined;
      if (line !== undefined) line.heldMs = monotonicMs();
    } finally {
      slots.release(lane, tenantId, 1, monotonicMs() - startedMs);
    }
  }

  /** Claims runs in slots that were taken for them, and executes those that it got. */
  async function claim(lane: Priority, tenantId: string, job: JobData, taken: number): Promise<void> {
    let left = taken;
    try {
      for (const prepared of await executor.claim(job)) {
        const { run } = prepared;
        // A claim of runs with limits may return runs of another lane, and more than there are slots.
        const hasSlot = left > 0 && run.lane === lane && run.tenantId === tenantId;
        if (hasSlot) left -= 1;
        if (hasSlot || slots.takeClaimed(run.lane, run.tenantId, 1) > 0)
          track(execute(prepared)).catch(onError);
        else track(putOff(prepared)).catch(onError);
      }
    } finally {
      slots.release(lane, tenantId, left, undefined);
    }
  }

  async function putOff({ run }: PreparedRun): Promise<void> {
    const { lane, tenantId } = run;
    await executor.hold(run, { reason: TENANT_SLOTS, delayMs: nextDelayMs(lane, tenantId) });
    slots.putOff(lane, tenantId);
  }

  async function resume(lane: Priority, tenantId: string, taken: number): Promise<boolean> {
    const name = `${lane} ${tenantId}`;
    let left = taken;
    try {
      const pauseMs = (lines.get(name)?.heldMs ?? Number.NEGATIVE_INFINITY) + bounds.pauseMs - monotonicMs();
      if (pauseMs > 0) {
        const limit = Math.min(taken, bounds.maxProbing);
        slots.release(lane, tenantId, taken - limit, undefined);
        left = limit;
        await delay(pauseMs, { ref: false });
      }
      const wanted = left;
      const found = await looks.add({ tenantId, lane, limit: wanted });
      const claims = [false, true].map(async (gated) => {
        const runIds = found.filter((run) => run.gated === gated).map((run) => run.id);
        left -= runIds.length;
        if (runIds.length > 0) await claim(lane, tenantId, { runIds, gated }, runIds.length);
      });
      await Promise.all(claims);
      if (found.length < wanted) lines.delete(name);
      return found.length === wanted;
    } catch (error) {
      onError(error);
      await delay(bounds.retryMs, { ref: false });
      return true;
    } finally {
      slots.release(lane, tenantId, left, undefined);
    }
  }

  return {
    async admit(lane, { tenantId = "", runIds, gated }) {
      let rest = runIds;
      while (rest.length > 0) {
        const taken = await slots.enter(lane, tenantId, rest.length);
        if (taken === 0) {
          await putOffs.add(rest.map((id) => ({ id, delayMs: nextDelayMs(lane, tenantId) })));
          slots.putOff(lane, tenantId);
          return;
        }
        const job = { runIds: rest.slice(0, taken), ...(gated && { gated }) };
        rest = rest.slice(taken);
        await track(claim(lane, tenantId, job, taken));
      }
    },
    reserve: ({ lane, tenantId }) => slots.takeFree(lane, tenantId, 1) > 0,
    cancel: ({ lane, tenantId }) => slots.release(lane, tenantId, 1, undefined),
    async start(claimed, onEnded) {
      let prepared: PreparedRun[];
      try {
        prepared = await track(executor.prepare(claimed));
      } catch (error) {
        for (const run of claimed.runs) {
          slots.release(run.lane, run.tenantId, 1, undefined);
          onEnded(run);
        }
        throw error;
      }
      await Promise.all(prepared.map((one) => track(execute(one).finally(() => onEnded(one.run)))));
    },
    resumeDue(due) {
      for (const { lane, tenantId, heldReason } of due)
        if (heldReason === TENANT_SLOTS) slots.putOff(lane, tenantId);
    },
    stop: () => slots.stop(),
    async drained() {
      while (underWay.size > 0) await Promise.allSettled(underWay);
    },
  };
}

type FoundRuns = Awaited<ReturnType<typeof findPutOffRuns>>[number];
