import { type Static, Type } from "typebox";
import type { StoredBackfill } from "../../postgres/flows/backfills.ts";
import { uuid7Ms } from "../../postgres/schema/partitions.ts";
import { Id, Instant, nullable } from "../field-schemas.ts";

/** A backfill in responses: the progress of a deploy that includes past events. */
export const Backfill = Type.Object(
  {
    flow_id: Id,
    version: Type.Integer(),
    state: Type.Enum(["running", "done", "stopped"]),
    from: Instant,
    reached: Type.String({ format: "date-time", description: "Events up to this time have been checked." }),
    progress: Type.Number({
      minimum: 0,
      maximum: 1,
      description: "The checked share of the time from `from` to the deploy.",
    }),
    scanned: Type.Integer({ description: "Events that were checked." }),
    matched: Type.Integer({ description: "Events that match the trigger." }),
    started_at: Instant,
    finished_at: nullable(Instant),
  },
  { $id: "Backfill" },
);

/** Converts a stored backfill to its API form. */
export function asBackfill(backfill: StoredBackfill): Static<typeof Backfill> {
  const { from, lastId, startedAt, state } = backfill;
  const reachedMs = state === "done" ? startedAt.getTime() : Math.max(from.getTime(), uuid7Ms(lastId));
  const spanMs = Math.max(1, startedAt.getTime() - from.getTime());
  return {
    flow_id: backfill.flowId,
    version: backfill.version,
    state,
    from: from.toISOString(),
    reached: new Date(reachedMs).toISOString(),
    progress: Math.min(1, Math.round(((reachedMs - from.getTime()) / spanMs) * 1_000) / 1_000),
    scanned: backfill.scanned,
    matched: backfill.matched,
    started_at: startedAt.toISOString(),
    finished_at: backfill.finishedAt?.toISOString() ?? null,
  };
}
