import { Cron } from "croner";
import type { ErrorDetail } from "../errors.ts";

/** The times at which the clock starts a flow: its ticks are those of the expression in the time zone. */
export interface Schedule {
  /** Five fields (minute, hour, day, month, weekday), six with seconds before them, or a nickname: `@daily`. */
  cron: string;
  /** An IANA name. */
  timezone: string;
  /** The data of each tick's event. */
  data?: unknown;
  /** Ticks missed while no scheduler ran: dropped (`skip`), or made up by one (`once`). */
  missed: MissedTicks;
}

export type MissedTicks = "skip" | "once";

export const DEFAULT_SCHEDULE = { timezone: "UTC", missed: "once" } as const;

/** The type and connector of the events that ticks create. */
export const TICK_EVENT = { type: "schedule.tick", connector: "schedule" } as const;

/** Returns the errors of a schedule: an invalid time zone, or an expression that is invalid or never ticks. */
export function checkSchedule(schedule: Pick<Schedule, "cron" | "timezone">): ErrorDetail[] {
  const { cron, timezone } = schedule;
  if (!isTimezone(timezone)) {
    return [
      { field: "timezone", expected: "an IANA time zone, such as Europe/Berlin", got: quoted(timezone) },
    ];
  }
  const opened = openCron(cron, timezone);
  if (typeof opened === "string")
    return [{ field: "cron", expected: CRON, got: quoted(cron), message: opened }];
  // An expression that ticks at all does so within 40 years: by then a leap day has fallen on every weekday.
  if (opened.nextRun(new Date(0)) !== null) return [];
  return [{ field: "cron", expected: "a cron expression of a moment that comes", got: quoted(cron) }];
}

const CRON =
  "a cron expression of five fields (minute hour day month weekday), six with seconds first, or a nickname such as @daily";

/** Returns the first tick after a time, ms since the epoch; undefined if there is none or the schedule is invalid. */
export function nextTick(schedule: Schedule, afterMs: number): number | undefined {
  return nextTicks(schedule, afterMs, 1)[0];
}

/** Returns the first `count` ticks after a time, in order; fewer if there are no more. */
export function nextTicks(schedule: Schedule, afterMs: number, count: number): number[] {
  const cron = openCron(schedule.cron, schedule.timezone);
  return typeof cron === "string" ? [] : cron.nextRuns(count, new Date(afterMs)).map(Number);
}

/** Returns the last tick at or before a time. */
export function lastTick(schedule: Schedule, untilMs: number): number | undefined {
  const cron = openCron(schedule.cron, schedule.timezone);
  return typeof cron === "string" ? undefined : cron.previousRuns(1, new Date(untilMs + 1)).map(Number)[0];
}

/**
 * Parses an expression, or returns the reason why it is invalid. Daylight saving time is treated as in Vixie cron: a time
 * that is skipped ticks at the end of the gap, and one that occurs twice ticks once; an expression with a star or a step
 * follows the clock.
 */
function openCron(cron: string, timezone: string): Cron | string {
  if (!isTimezone(timezone)) return "its time zone is none";
  try {
    const opened = new Cron(cron, { timezone, mode: "5-or-6-parts", fixedTimeRule: "no-wildcard" });
    return opened.getOnce() === null ? opened : "it is one moment, not an expression";
  } catch (error) {
    return (error as Error).message.replace(/^CronPattern: /, "");
  }
}

/** Whether the name is an IANA time zone. Newer versions of Node.js also accept offsets, which are not. */
export function isTimezone(name: string): boolean {
  try {
    return /^[A-Za-z]/.test(name) && new Intl.DateTimeFormat("en", { timeZone: name }) !== undefined;
  } catch {
    return false;
  }
}

function quoted(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
