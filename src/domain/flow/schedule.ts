import { Cron } from "croner";
import type { ErrorDetail } from "../errors.ts";

/** When a flow is started by the clock: its ticks are the moments that the expression names in the time zone. */
export interface Schedule {
  /** Five fields (minute, hour, day, month, weekday), six with seconds before them, or a nickname: `@daily`. */
  cron: string;
  /** An IANA name. */
  timezone: string;
  /** The data of every tick's event. */
  data?: unknown;
  /** What becomes of ticks that nobody was there to make: none of them (`skip`), or one for all (`once`). */
  missed: MissedTicks;
}

export type MissedTicks = "skip" | "once";

export const DEFAULT_SCHEDULE = { timezone: "UTC", missed: "once" } as const;

/** The type and the connector of the events that ticks make. */
export const TICK_EVENT = { type: "schedule.tick", connector: "schedule" } as const;

/** What is wrong with a schedule: an expression or a time zone that cannot be read, or that never comes. */
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
  // Every expression without a year that ever comes does so within the 40 years of a leap day on each weekday.
  if (opened.nextRun(new Date(0)) !== null) return [];
  return [{ field: "cron", expected: "a cron expression of a moment that comes", got: quoted(cron) }];
}

const CRON =
  "a cron expression of five fields (minute hour day month weekday), six with seconds first, or a nickname such as @daily";

/** The first tick after a moment, ms since the epoch; undefined when none comes or the schedule cannot be read. */
export function nextTick(schedule: Schedule, afterMs: number): number | undefined {
  return nextTicks(schedule, afterMs, 1)[0];
}

/** The first ticks after a moment, in order, at most `count`. */
export function nextTicks(schedule: Schedule, afterMs: number, count: number): number[] {
  const cron = openCron(schedule.cron, schedule.timezone);
  return typeof cron === "string" ? [] : cron.nextRuns(count, new Date(afterMs)).map(Number);
}

/** The last tick at or before a moment. */
export function lastTick(schedule: Schedule, untilMs: number): number | undefined {
  const cron = openCron(schedule.cron, schedule.timezone);
  return typeof cron === "string" ? undefined : cron.previousRuns(1, new Date(untilMs + 1)).map(Number)[0];
}

/**
 * The expression, or why it cannot be read. At a change of the clocks it does as Vixie cron: a time that is left out
 * comes at the end of the gap, and one that comes twice counts once; what has a star or a step goes on by the clock.
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

/** Whether it is the IANA name of a time zone. Newer versions of Node.js take offsets as well, which are none. */
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
