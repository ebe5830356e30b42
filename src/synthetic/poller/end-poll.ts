import { holdDeletions, settleHold } from "../../postgres/sources/holds.ts";
import { finishPoll, type PollSuggestions } from "../../postgres/sources/polls.ts";
import type { FieldCountsState, SourceState } from "../../postgres/sources/states.ts";
import type { SnapshotReading } from "../fetch/read-snapshot.ts";
import { schemaDrift, volatileFields } from "../records/field-drift.ts";
import type { PollEnd } from "./poll-commit.ts";
import type { PollOutcome } from "./poll-outcome.ts";
import type { PollSession } from "./poll-session.ts";
import { type Completeness, cursorAfter, pollStatus } from "./snapshot.ts";
import type { Absences } from "./stage-absences.ts";

/** Who is told of what an operator has to look at. Never more than one alert of a kind is open for a source. */
export interface PollAlerts {
  open(alert: PollAlert & { message: string; value?: number; threshold?: number }): Promise<void>;
  resolve(alert: PollAlert): Promise<void>;
}

export interface PollAlert {
  tenantId: string;
  kind: "poll.held" | "poll.state_lost";
  /** The source's id. */
  subject: string;
}

export interface EndedPoll {
  end: PollEnd;
  /** What came of the poll, once it is committed. */
  outcome: () => PollOutcome;
  held: { count: number; ceiling: number; reason: string } | undefined;
  /** Whether a hold was open, and is no more. */
  settled: () => boolean;
  complete: boolean;
}

/** Puts together what a poll that was read is committed and shown with. */
export function endPoll(
  session: PollSession,
  read: {
    reading: SnapshotReading;
    snapshot: Completeness;
    absences: Absences;
    access: string;
    keptPolls: number;
  },
): EndedPoll {
  const { claim, source, counts, startedAtMs, reader, store } = session;
  const { reading, snapshot, absences, access } = read;
  const { report } = reading;
  const { complete } = snapshot;
  const { guard } = absences;
  const held = guard.kind === "held" ? guard : undefined;
  const first = session.state.generation === 0;
  const of = { tenantId: source.tenantId, source: source.source };
  let holdId: string | undefined;
  let settled = false;
  let outcome: PollOutcome | undefined;

  const fieldCounts = countFields(session, complete);
  const state = (before: SourceState): SourceState => ({
    ...before,
    baselined: before.baselined || complete,
    // Digests that were not made anew are still those of the options then.
    hashVersion: complete ? reader.version : before.hashVersion,
    access: report.end.kind === "last_page" ? access : before.access,
    lastCompleteAtMs: complete ? startedAtMs : before.lastCompleteAtMs,
    cursorMs: complete ? cursorAfter(before.cursorMs, session.maxUpdatedMs, 0) : before.cursorMs,
    fieldCounts,
  });

  const made = (): PollOutcome => ({
    ...{ id: claim.pollId, complete, records: counts.records, startedAtMs, first },
    ...{
      created: counts.created,
      updated: counts.updated,
      deleted: counts.deleted,
      restored: counts.restored,
    },
    ...statusOf(report, counts.pages, snapshot, held),
    held: held && { id: holdId ?? "", count: held.count },
    finishedAtMs: store.now(),
    requests: report.requests,
    notBeforeMs: notBefore(report, store.now()),
    rateLimit: report.rateLimit,
  });

  return {
    end: {
      complete,
      state,
      async write(transaction) {
        if (held !== undefined) {
          const { count, ceiling } = held;
          const tracked = session.state.records;
          holdId = await holdDeletions(transaction, of, { count, ceiling, tracked, sample: absences.sample });
        } else if (complete) {
          settled = await settleHold(transaction, of, counts.deleted);
        }
        outcome = made();
        const { missedByWebhook, pages, unchangedPages } = counts;
        const suggestions = suggestionsOf(session, fieldCounts);
        const poll = { ...outcome, missedByWebhook, pages, unchangedPages, suggestions };
        await finishPoll(transaction, of, poll, read.keptPolls);
      },
    },
    outcome: () => outcome ?? made(),
    ...{ held, complete, settled: () => settled },
  };
}

/** Opens and resolves what concerns the source. Each may be done any number of times. */
export async function tellAlerts(alerts: PollAlerts, session: PollSession, ended: EndedPoll): Promise<void> {
  const { source, rules } = session;
  const of = { tenantId: source.tenantId, subject: source.source };
  if (ended.held !== undefined) {
    const { count, ceiling, reason } = ended.held;
    await alerts.open({ ...of, kind: "poll.held", message: reason, value: count, threshold: ceiling });
  } else if (ended.settled()) {
    await alerts.resolve({ ...of, kind: "poll.held" });
  }
  if (rules.plan === "state_lost" || (session.digests?.lost.size ?? 0) > 0) {
    const what = rules.plan === "state_lost" ? "What was kept" : "A part of what was kept";
    const message = `${what} of the records is lost: changes since the last poll may go untold`;
    await alerts.open({ ...of, kind: "poll.state_lost", message });
  }
  if (session.patchy && ended.complete) await alerts.resolve({ ...of, kind: "poll.state_lost" });
}

function statusOf(
  { end }: SnapshotReading["report"],
  pages: number,
  snapshot: Completeness,
  held: { reason: string } | undefined,
): Pick<PollOutcome, "status" | "error"> {
  if (end.kind === "rate_limited") {
    const message = "The provider, or a limit of ours, lets through no more for now";
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

/** Fields of which it is remembered in how many polls they changed. */
const MAX_FIELDS_KEPT = 200;

function countFields({ state, changedFields, digests }: PollSession, complete: boolean): FieldCountsState {
  const { polls, fields } = state.fieldCounts;
  if (!complete || digests === undefined || changedFields.size === 0) return state.fieldCounts;
  const counted = new Map(Object.entries(fields));
  for (const pointer of changedFields) counted.set(pointer, (counted.get(pointer) ?? 0) + 1);
  const most = [...counted].sort(([, left], [, right]) => right - left).slice(0, MAX_FIELDS_KEPT);
  return { polls: polls + 1, fields: Object.fromEntries(most) };
}

function suggestionsOf(
  { appeared, counts }: PollSession,
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
