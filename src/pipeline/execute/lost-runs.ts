import { fingerprintOf } from "../../domain/event/fingerprint.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { countLosses, findLostRuns, holdSuspects, type LostRun } from "../../postgres/runs/lost-runs.ts";
import { type FinishedAttempt, finishRuns, WORKER_LOST } from "../../postgres/runs/runs.ts";
import { backoffMs } from "../../runtime/backoff.ts";

export interface LostRunBounds {
  /** How often a run may lose its worker without a finished attempt. At the next loss it becomes a dead letter. */
  maxLost: number;
  /** The longest wait after the second loss, ms. It doubles with each loss. */
  delayMs: number;
  /** Bounds the wait, ms. */
  maxDelayMs: number;
  /** The interval in which a suspect checks whether another one is under way, ms. */
  suspectMs: number;
}

/**
 * Handles the due runs that lost their worker, and returns those that are dead letters now. A run that lost its worker
 * once is queued at once, in a job of its own. After the second loss it is a suspect. Suspects run one at a time, so
 * that the run that ends its worker takes no others with it. After `maxLost` losses a run becomes a dead letter.
 */
export async function handleLostRuns(
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

/** Builds the last attempt of a run that lost its worker too often. */
function lostAttempt(run: LostRun, event: StoredEvent | undefined): FinishedAttempt {
  const message = `${run.lost + 1} workers in a row were lost before they finished an attempt of this run`;
  return {
    id: run.id,
    eventId: run.eventId,
    fence: run.fence,
    replaySeq: run.replaySeq,
    state: "dead",
    retryDelayMs: 0,
    durationMs: 0,
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
