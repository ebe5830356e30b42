import type { Normalized } from "../../domain/event/normalize.ts";
import type { EventVerdict, StoredEvent } from "../../postgres/events/events.ts";
import type { StoredRun } from "../../postgres/runs/list.ts";
import type { TimelineEntry } from "./event-schema.ts";

/** Returns the event's progress through the stages, in chronological order. */
export function timelineOf(
  event: StoredEvent,
  verdict: EventVerdict,
  normalized: Normalized,
  runs: readonly StoredRun[],
): TimelineEntry[] {
  const receivedAt = new Date(event.receivedAtMs).toISOString();
  const entries: TimelineEntry[] = [{ stage: "receive", what: "accepted", at: receivedAt }];
  if (verdict.routedAtMs !== undefined) {
    const at = new Date(verdict.routedAtMs).toISOString();
    if (normalized.kind === "unreadable") {
      entries.push({ stage: "normalize", what: "unreadable", at, detail: normalized.reason });
    }
    entries.push({ stage: "route", what: verdict.status, at });
  }
  const steps = runs.flatMap(stepsOf).sort((left, right) => left.at.localeCompare(right.at));
  return [...entries, ...steps];
}

function stepsOf(run: StoredRun): TimelineEntry[] {
  const step = { stage: "execute", run_id: run.id, flow_id: run.flowId } as const;
  const entries: TimelineEntry[] = [{ ...step, what: "queued", at: run.createdAt.toISOString() }];
  if (run.startedAt !== undefined)
    entries.push({ ...step, what: "running", at: run.startedAt.toISOString() });
  const last = run.attempts.at(-1);
  const endedAt = run.finishedAt ?? (run.state === "failed" ? last?.finishedAt : undefined);
  if (endedAt === undefined) return entries;
  const detail = run.errorMessage === undefined ? {} : { detail: run.errorMessage };
  return [...entries, { ...step, what: run.state, at: endedAt.toISOString(), ...detail }];
}
