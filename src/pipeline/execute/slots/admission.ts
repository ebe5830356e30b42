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
  /** Runs that are put off in one statement. */
  batchSize: number;
  /**
   * How long the first run of a tenant is put off at most, ms, if this process is gone before it resumes it. Of a hundred
   * put off before it, each later one is so much longer, up to `maxHoldMs`.
   */
  holdMs: number;
  maxHoldMs: number;
  /** After a look for runs that failed, the wait until the next one, ms. */
  retryMs: number;
  /**
   * After a resumed run that its breaker or a full bound held, the wait until more runs of its tenant are resumed, ms, and
   * how many: each would cost a claim to find out the same.
   */
  pauseMs: number;
  maxProbing: number;
}

/** A run that this process has claimed, or is about to, in a slot. */
export interface SlotUser {
  id: string;
  tenantId: string;
  lane: Priority;
}

/**
 * Begins runs as slots are free for their tenants. Runs whose tenant holds all that it may are put off into PostgreSQL,
 * their attempts unspent, and are resumed in the order of their events when it may have slots again, without a job.
 */
export interface Admission {
  /** Resolves when each run of the job was claimed in a slot, is put off, or is another's. */
  admit(lane: Priority, job: JobData): Promise<void>;
  /** Takes a slot for a run that is about to be claimed. False where its tenant may have none, or others wait. */
  reserve(run: SlotUser): boolean;
  /** Gives such a slot back unused. */
  cancel(run: SlotUser): void;
  /** Carries out runs that were claimed in reserved slots, and tells when each has ended. Resolves when all have. */
  begin(claimed: ClaimedRuns, onEnded: (run: SlotUser) => void): Promise<void>;
  /** Notes that these came due: those among them that were put off are resumed, and what stands behind them. */
  note(due: readonly DueRun[]): void;
  /** Begins nothing more. */
  stop(): void;
  /** Resolves when what has begun has ended. */
  emptied(): Promise<void>;
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
  const inHand = new Set<Promise<unknown>>();
  /** Of each lane and tenant with runs that were put off: how many, and when one that was resumed was held, ms. */
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

  /** The further back a run stands the longer, so that a long line seldom comes due. */
  function nextDelayMs(lane: Priority, tenantId: string): number {
    const name = `${lane} ${tenantId}`;
    const line = lines.get(name) ?? { runs: 0, heldMs: Number.NEGATIVE_INFINITY };
    lines.set(name, line);
    line.runs += 1;
    return Math.min(bounds.maxHoldMs, bounds.holdMs * (1 + (line.runs - 1) / 100));
  }

  function track<Result>(work: Promise<Result>): Promise<Result> {
    inHand.add(work);
    const done = () => inHand.delete(work);
    work.then(done, done);
    return work;
  }

  /** Carries a run out and gives its slot back. */
  async function carryOut(prepared: PreparedRun): Promise<void> {
    const { lane, tenantId } = prepared.run;
    const startedMs = monotonicMs();
    try {
      const { isHeld } = await executor.carryOut(prepared);
      const line = isHeld ? lines.get(`${lane} ${tenantId}`) : undefined;
      if (line !== undefined) line.heldMs = monotonicMs();
    } finally {
      slots.release(lane, tenantId, 1, monotonicMs() - startedMs);
    }
  }

  function start(prepared: PreparedRun): void {
    track(carryOut(prepared)).catch(onError);
  }

  /** Claims runs in slots that were taken for them, and starts those that it got. */
  async function claim(lane: Priority, tenantId: string, job: JobData, taken: number): Promise<void> {
    let left = taken;
    try {
      for (const prepared of await executor.claim(job)) {
        const { run } = prepared;
        // The claim of a flow with limits may bring runs of another lane, and more than there are slots.
        const isIn = left > 0 && run.lane === lane && run.tenantId === tenantId;
        if (isIn) left -= 1;
        if (isIn || slots.takeClaimed(run.lane, run.tenantId, 1) > 0) start(prepared);
        else track(putBack(prepared)).catch(onError);
      }
    } finally {
      slots.release(lane, tenantId, left, undefined);
    }
  }

  async function putBack({ run }: PreparedRun): Promise<void> {
    const { lane, tenantId } = run;
    await executor.putBack(run, { reason: TENANT_SLOTS, delayMs: nextDelayMs(lane, tenantId) });
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
    async begin(claimed, onEnded) {
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
      await Promise.all(prepared.map((one) => track(carryOut(one).finally(() => onEnded(one.run)))));
    },
    note(due) {
      for (const { lane, tenantId, heldReason } of due)
        if (heldReason === TENANT_SLOTS) slots.putOff(lane, tenantId);
    },
    stop: () => slots.stop(),
    async emptied() {
      while (inHand.size > 0) await Promise.allSettled(inHand);
    },
  };
}

type FoundRuns = Awaited<ReturnType<typeof findPutOffRuns>>[number];
