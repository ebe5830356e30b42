import { type Static, Type } from "typebox";
import { RUN_STATES, type StoredAttempt, type StoredRun } from "../../postgres/run-list.ts";
import { Id, Instant, nullable, Priority, Uuid } from "./fields.ts";

const RunError = nullable(
  Type.Object({ code: Type.String({ description: "Stable, upper snake case." }), message: Type.String() }),
);

const Attempt = Type.Object({
  attempt: Type.Integer({ description: "Counts from 1." }),
  outcome: Type.Enum(["done", "retry", "dead", "lost"]),
  error: RunError,
  response_status: nullable(Type.Integer()),
  started_at: Instant,
  finished_at: Instant,
});

/** A run as it is shown. */
export const Run = Type.Object(
  {
    id: Uuid,
    tenant_id: Id,
    flow_id: Id,
    flow_version: Type.Integer(),
    event_id: Uuid,
    replay: Type.Integer({ description: "0 for the run that routing made; each replay counts one up." }),
    priority: Priority,
    status: Type.Enum([...RUN_STATES], {
      description: "Failed: an attempt failed and another follows. Dead: none follows.",
    }),
    error: RunError,
    attempts: Type.Array(Attempt, { description: "Those that ended, the first one first." }),
    next_attempt_at: nullable(Instant),
    created_at: Instant,
    started_at: nullable(Instant),
    finished_at: nullable(Instant),
  },
  { $id: "Run" },
);

export function asRun(run: StoredRun): Static<typeof Run> {
  return {
    id: run.id,
    tenant_id: run.tenantId,
    flow_id: run.flowId,
    flow_version: run.flowVersion,
    event_id: run.eventId,
    replay: run.replaySeq,
    priority: run.lane,
    status: run.state,
    error: asError(run),
    attempts: run.attempts.map(asAttempt),
    next_attempt_at: run.state === "failed" ? run.visibleAt.toISOString() : null,
    created_at: run.createdAt.toISOString(),
    started_at: run.startedAt?.toISOString() ?? null,
    finished_at: run.finishedAt?.toISOString() ?? null,
  };
}

function asAttempt(attempt: StoredAttempt): Static<typeof Attempt> {
  return {
    attempt: attempt.attempt,
    outcome: attempt.outcome,
    error: asError(attempt),
    response_status: attempt.responseStatus ?? null,
    started_at: attempt.startedAt.toISOString(),
    finished_at: attempt.finishedAt.toISOString(),
  };
}

function asError({ errorCode, errorMessage }: Pick<StoredAttempt, "errorCode" | "errorMessage">) {
  return errorCode === undefined ? null : { code: errorCode, message: errorMessage ?? "" };
}
