import { type Static, Type } from "typebox";
import { RUN_STATES, type StoredAttempt, type StoredRun } from "../../postgres/runs/list.ts";
import type { LogLine } from "../../postgres/runs/logs.ts";
import { Id, Instant, nullable, Priority, Uuid } from "../field-schemas.ts";

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

/** A run in responses. */
export const Run = Type.Object(
  {
    id: Uuid,
    tenant_id: Id,
    flow_id: Id,
    flow_version: Type.Integer(),
    event_id: Uuid,
    replay: Type.Integer({ description: "0 for the run made by routing; each replay increments it." }),
    priority: Priority,
    status: Type.Enum([...RUN_STATES], {
      description: "failed: an attempt failed and another follows. dead: none follows.",
    }),
    error: RunError,
    attempts: Type.Array(Attempt, { description: "Finished attempts, oldest first." }),
    next_attempt_at: nullable(Instant),
    held_reason: nullable(
      Type.String({
        description:
          "Why a queued run waits: order, concurrency, rate_limit, tenant_slots, tenant_concurrency, encryption_key, target_concurrency <origin>, or circuit_open <origin>.",
      }),
    ),
    held_until: nullable(
      Type.String({ format: "date-time", description: "The latest time of the next check." }),
    ),
    created_at: Instant,
    started_at: nullable(Instant),
    finished_at: nullable(Instant),
  },
  { $id: "Run" },
);

/** The path parameters of a run. */
export const RunParams = Type.Object({ tenant_id: Id, id: Uuid });

/** A line in the log of a run. */
export const RunLogLine = Type.Object({
  time: Instant,
  attempt: Type.Integer({ description: "Counts from 1." }),
  level: Type.Enum(["info", "warn", "error"]),
  message: Type.String(),
  fields: Type.Optional(Type.Record(Type.String(), Type.Unknown(), { description: "Secrets are redacted." })),
});

/** Converts the log lines of one attempt to their API form. An additional last line counts the dropped lines. */
export function asRunLogLines(part: {
  attempt: number;
  lines: LogLine[];
  dropped: number;
}): Static<typeof RunLogLine>[] {
  const { attempt, dropped } = part;
  const lines = part.lines.map((line) => ({ attempt, ...line }));
  const last = lines.at(-1);
  if (dropped === 0 || last === undefined) return lines;
  return [
    ...lines,
    { attempt, time: last.time, level: "warn", message: `${dropped} more lines were dropped` },
  ];
}

/** Converts a stored run to its API form. */
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
    held_reason: run.heldReason ?? null,
    held_until: run.heldReason === undefined ? null : run.visibleAt.toISOString(),
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
