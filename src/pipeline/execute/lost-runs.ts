import { fingerprintOf } from "../../domain/event/fingerprint.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { countLosses, findLostRuns, holdSuspects, type LostRun } from "../../postgres/runs/lost-runs.ts";
import { type FinishedAttempt, finishRuns, WORKER_LOST } from "../../postgres/runs/runs.ts";
import { backoffMs } from "../../runtime/backoff.ts";

export interface LostRunBounds {
  /** A run may lose its worker so often with no attempt that ended; once more, and it is dead. */
  maxLost: number;
  /** The longest wait after the second loss, ms; it doubles with each, up to `maxDelayMs`. */
  delayMs: number;
  maxDelayMs: number;
  /** How often a run that lost its worker more than once looks whether its turn has come, ms. */
  suspectMs: number;
}

/**
 * Tends those of the due runs whose worker is gone, and answers those that are dead now. A run that lost its worker
 * once is queued at once, in a job of its own. One that lost it again is a suspect: suspects go on one at a time, so
 * that the runs which only stood beside the one that ends its worker meet it no more. One that loses its worker again
 * and again is dead.
 */
export async function tendLostRuns(
  database: Queryable,
  dueIds: readonly string[],
  bounds: LostRunBounds,
  random: () => number,
): Promise<FinishedAttempt[]> {
  const { lost: runs, suspects } = await findLostRuns(database, dueIds);
  if (suspects > 0) await holdSuspects(database, dueIds, bounds.suspectMs);
  if (runs.length === 0) return [];
  const isOver = (run: LostRun) => run.lost >= bounds.maxLost;
  await countLosses(
    database,
    runs.filter((run) => !isOver(run)).map((run) => ({ ...run, delayMs: waitMs(run.lost, bounds, random) })),
  );
  const over = runs.filter(isOver);
  if (over.length === 0) return [];
  const events = await loadEvents(database, [...new Set(over.map((run) => run.eventId))]);
  const eventOf = new Map(events.map((event) => [event.id, event]));
  const ended = over.map((run) => lostAttempt(run, eventOf.get(run.eventId)));
  const written = await finishRuns(database, ended);
  return ended.filter((attempt) => written.has(attempt.id));
}

function waitMs(lost: number, { delayMs, maxDelayMs }: LostRunBounds, random: () => number): number {
  return lost === 0 ? 0 : backoffMs({ kind: "exponential", delayMs, maxDelayMs }, lost, random);
}

/** The last attempt of a run that ended every worker it was given to, or that none could end in its time. */
function lostAttempt(run: LostRun, event: StoredEvent | undefined): FinishedAttempt {
  const message = `${run.lost + 1} workers in a row were gone before they ended an attempt at this run`;
  return {
    ...{ id: run.id, eventId: run.eventId, fence: run.fence, replaySeq: run.replaySeq },
    ...{ state: "dead", retryDelayMs: 0, durationMs: 0 },
    responseStatus: undefined,
    errorCode: WORKER_LOST,
    errorMessage: message,
    errorContext: {
      stage: "execute",
      step: "worker",
      connector: event?.connector ?? "",
      endpoint: event?.endpoint ?? "",
      flow_version: run.flowVersion,
      code: WORKER_LOST,
      response_status: null,
      stack: null,
    },
    fingerprint: fingerprintOf({ ...run, stage: "execute", code: WORKER_LOST, message }),
  };
}
