import { holdDeletions, settleHold } from "../../postgres/sources/holds.ts";
import { finishPoll, type PollSuggestions } from "../../postgres/sources/polls.ts";
import type { FieldCountsState, SourceState } from "../../postgres/sources/states.ts";
import { schemaDrift, volatileFields } from "../records/field-drift.ts";
import type { FinalCommit } from "./poll-commit.ts";
import type { PollContext } from "./poll-context.ts";
import type { PollOutcome } from "./poll-outcome.ts";
import type { PollProgress } from "./poll-progress.ts";
import type { SnapshotReading } from "./read-snapshot.ts";
import { type Completeness, cursorAfter, pollStatus } from "./snapshot.ts";
import type { Absences } from "./stage-absences.ts";

/** Opens and resolves alerts. At most one alert of a kind is open for a source. */
export interface PollAlerts {
  open(alert: PollAlert & { message: string; value?: number; threshold?: number }): Promise<void>;
  resolve(alert: PollAlert): Promise<void>;
}

/** Identifies an alert of a source. */
export interface PollAlert {
  tenantId: string;
  kind: "poll.held" | "poll.state_lost";
  /** The source's id. */
  subject: string;
}

/** The last commit of a poll and its outcome. */
export interface PollEnding {
  final: FinalCommit;
  /** Returns the outcome; final once `final` is committed. */
  outcome: () => PollOutcome;
  held: { count: number; ceiling: number; reason: string } | undefined;
  /** Whether the commit settled an open hold. */
  settled: () => boolean;
  complete: boolean;
}

/** Prepares the last commit and the outcome of a poll whose pages were read. */
export function endPoll(
  context: PollContext,
  progress: PollProgress,
  read: {
    reading: SnapshotReading;
    snapshot: Completeness;
    absences: Absences;
    access: string;
  },
): PollEnding {
  const { claim, name, startedAtMs, reader, store, bounds } = context;
  const { counts } = progress;
  const { reading, snapshot, absences, access } = read;
  const { report } = reading;
  const { complete } = snapshot;
  const { guard } = absences;
  const held = guard.kind === "held" ? guard : undefined;
  const first = progress.state.generation === 0;
  let holdId: string | undefined;
  let settled = false;
  let outcome: PollOutcome | undefined;

  const fieldCounts = countFields(progress, complete);
  const state = (before: SourceState): SourceState => ({
    ...before,
    baselined: before.baselined || complete,
    // Only a complete poll renews all digests.
    hashVersion: complete ? reader.version : before.hashVersion,
    access: report.end.kind === "last_page" ? access : before.access,
    lastCompleteAtMs: complete ? startedAtMs : before.lastCompleteAtMs,
    cursorMs: complete ? cursorAfter(before.cursorMs, progress.maxUpdatedMs, 0) : before.cursorMs,
    fieldCounts,
  });

  const currentOutcome = (): PollOutcome => ({
    id: claim.pollId,
    ...statusOf(report, counts.pages, snapshot, held),
    complete,
    records: counts.records,
    created: counts.created,
    updated: counts.updated,
    deleted: counts.deleted,
    restored: counts.restored,
    held: held && { id: holdId ?? "", count: held.count },
    startedAtMs,
    finishedAtMs: store.now(),
    requests: report.requests,
    notBeforeMs: notBefore(report, store.now()),
    rateLimit: report.rateLimit,
    first,
  });

  return {
    final: {
      complete,
      state,
      async write(transaction) {
        if (held !== undefined) {
          holdId = await holdDeletions(transaction, name, {
            count: held.count,
            ceiling: held.ceiling,
            tracked: progress.state.records,
            sample: absences.sample,
          });
        } else if (complete) {
          settled = await settleHold(transaction, name, counts.deleted);
        }
        outcome = currentOutcome();
        const poll = {
          ...outcome,
          missedByWebhook: counts.missedByWebhook,
          pages: counts.pages,
          unchangedPages: counts.unchangedPages,
          suggestions: suggestionsOf(progress, fieldCounts),
        };
        await finishPoll(transaction, name, poll, bounds.keptPolls);
      },
    },
    outcome: () => outcome ?? currentOutcome(),
    held,
    complete,
    settled: () => settled,
  };
}

/** Opens and resolves the alerts of the source. May be repeated. */
export async function reportAlerts(
  alerts: PollAlerts,
  { name, rules }: PollContext,
  { digests, patchy }: PollProgress,
  ending: PollEnding,
): Promise<void> {
  const heldAlert: PollAlert = { tenantId: name.tenantId, kind: "poll.held", subject: name.source };
  const lostAlert: PollAlert = { tenantId: name.tenantId, kind: "poll.state_lost", subject: name.source };
  if (ending.held !== undefined) {
    const { count, ceiling, reason } = ending.held;
    await alerts.open({ ...heldAlert, message: reason, value: count, threshold: ceiling });
  } else if (ending.settled()) {
    await alerts.resolve(heldAlert);
  }
  if (rules.plan === "state_lost" || (digests?.lost.size ?? 0) > 0) {
    const lost = rules.plan === "state_lost" ? "The record state" : "A part of the record state";
    const message = `${lost} was lost: changes since the last poll may not be reported`;
    await alerts.open({ ...lostAlert, message });
  }
  if (patchy && ending.complete) await alerts.resolve(lostAlert);
}

function statusOf(
  { end }: SnapshotReading["report"],
  pages: number,
  snapshot: Completeness,
  held: { reason: string } | undefined,
): Pick<PollOutcome, "status" | "error"> {
  if (end.kind === "rate_limited") {
    const message = "The rate limit of the provider or of Headrace was reached";
    return { status: "rate_limited", error: { code: "rate_limited", message } };
  }
  if (end.kind === "failed") {
    const { code, message } = end;
    return { status: pages > 0 ? "degraded" : "error", error: { code, message } };
  }
  if (held !== undefined) {
    return { status: "held", error: { code: "deletions_held", message: held.reason } };
  }
  const status = pollStatus(snapshot, { kind: "allowed" });
  if (snapshot.complete) return { status, error: undefined };
  return { status, error: { code: "incomplete", message: snapshot.reasons.join("; ") } };
}

function notBefore({ end }: SnapshotReading["report"], nowMs: number): number | undefined {
  if (end.kind === "last_page" || end.retryAfterMs === undefined) return undefined;
  return nowMs + end.retryAfterMs;
}

/** Fields for which the number of polls with a change is kept. */
const MAX_FIELDS_KEPT = 200;

function countFields({ state, changedFields, digests }: PollProgress, complete: boolean): FieldCountsState {
  const { polls, fields } = state.fieldCounts;
  if (!complete || digests === undefined || changedFields.size === 0) return state.fieldCounts;
  const counted = new Map(Object.entries(fields));
  for (const pointer of changedFields) counted.set(pointer, (counted.get(pointer) ?? 0) + 1);
  const most = [...counted].sort(([, left], [, right]) => right - left).slice(0, MAX_FIELDS_KEPT);
  return { polls: polls + 1, fields: Object.fromEntries(most) };
}

function suggestionsOf(
  { appeared, counts }: PollProgress,
  { polls, fields }: FieldCountsState,
): PollSuggestions | undefined {
  const newFields = schemaDrift(appeared, counts.records);
  const ignore = volatileFields(new Map(Object.entries(fields)), polls);
  if (newFields.length + ignore.length === 0) return undefined;
  return {
    ...(newFields.length > 0 && { new_fields: newFields }),
    ...(ignore.length > 0 && { ignore }),
  };
}
