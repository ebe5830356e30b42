import type { Static } from "typebox";
import type { Database } from "../../postgres/core/database.ts";
import { findSchedules, type ShownSchedule } from "../../postgres/sources/poll-requests.ts";
import { findSourceSummaries, type SourceSummary } from "../../postgres/sources/summaries.ts";
import { asPoll } from "./poll-schema.ts";
import type { ReadSourceStates, SourceState } from "./source-schema.ts";

/** Polls shown with a source. */
const SHOWN_POLLS = 20;
/** Delay after which a poll counts as overdue, s. */
const OVERDUE_S = 30;

/** Creates a reader of source states from PostgreSQL. */
export function createReadSourceStates(database: Database): ReadSourceStates {
  return async (tenantId, sources) => {
    if (sources.length === 0) return new Map();
    const polls = sources.length === 1 ? SHOWN_POLLS : 1;
    const { summaries, schedules } = await database.withTenant(tenantId, async (transaction) => ({
      summaries: await findSourceSummaries(transaction, tenantId, { sources, polls }),
      schedules: await findSchedules(transaction, tenantId, sources),
    }));
    const bySource = new Map(schedules.map((schedule) => [schedule.source, schedule]));
    return new Map(
      [...summaries].map(([source, summary]) => [source, stateOf(summary, bySource.get(source))]),
    );
  };
}

function stateOf(
  { polls, records, hold }: SourceSummary,
  schedule: ShownSchedule | undefined,
): Static<typeof SourceState> {
  const last = polls.find(({ status }) => status !== "running")?.status as Static<
    typeof SourceState
  >["state"];
  const { intervalSeconds, nextPollAt, quota, lastError, heldUntil } = schedule ?? {};
  return {
    state: schedule?.isRunning ? "polling" : (last ?? "waiting"),
    last_polls: polls.map(asPoll),
    interval:
      schedule === undefined || intervalSeconds === undefined
        ? null
        : { seconds: Math.round(intervalSeconds * 10) / 10, reasons: schedule.reasons },
    next_poll_at: nextPollAt?.toISOString() ?? null,
    overdue: schedule !== undefined && !schedule.isRunning && schedule.overdueSeconds > OVERDUE_S,
    failures: schedule?.failures ?? 0,
    last_error: lastError ?? null,
    held_until: heldUntil?.toISOString() ?? null,
    quota:
      quota === undefined
        ? null
        : { limit: quota.limit, remaining: quota.remaining, resets_at: quota.resetsAt.toISOString() },
    held:
      hold === undefined
        ? null
        : {
            id: hold.id,
            count: hold.count,
            reason: `${hold.count} of ${hold.tracked} records are missing: more than may be deleted without a decision`,
            held_at: hold.createdAt.toISOString(),
          },
    records_tracked: records ?? null,
  };
}
