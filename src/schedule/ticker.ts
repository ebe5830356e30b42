import assert from "node:assert";
import { TICK_EVENT } from "../domain/flow/schedule.ts";
import { priorityOf } from "../domain/priority.ts";
import type { Database, Queryable } from "../postgres/core/database.ts";
import { acceptEvents, type NewEvent } from "../postgres/events/accept.ts";
import {
  claimDueSchedules,
  type DueSchedule,
  moveSchedules,
  nextTickDueMs,
} from "../postgres/flows/schedules.ts";
import { failpoint } from "../runtime/failpoint.ts";
import type { Step } from "../runtime/loop.ts";
import { decideTicks } from "./decide-ticks.ts";

export interface TickerBounds {
  /** Schedules whose ticks are made in one transaction. */
  batchSize: number;
  /** Ticks of one schedule that are made at once; more are made in the next transaction. */
  maxTicks: number;
  /** A tick that is later was missed, ms. */
  onTimeMs: number;
  /** The longest wait between two looks, ms: a schedule that was just deployed may be so much late. */
  idleMs: number;
  /** The shortest, ms. */
  minWaitMs: number;
}

export interface TickerDeps {
  database: Pick<Database, "pipeline" | "transaction">;
  bounds: TickerBounds;
  /** Called when the events of ticks are committed. */
  onTicked: (events: number) => void;
  /** Called for a schedule that has no next tick: it starts its flow no more. */
  onEnded: (schedule: { tenantId: string; flowId: string }) => void;
}

/** One step: makes the events of the ticks that have come, for any of the schedules, and waits for the next one. */
export function createTicker(deps: TickerDeps): Step {
  const { database, bounds, onTicked, onEnded } = deps;
  return async () => {
    const { idleMs, minWaitMs, batchSize } = bounds;
    const dueMs = (await nextTickDueMs(database.pipeline)) ?? idleMs;
    if (dueMs > 0) return { waitMs: Math.min(idleMs, Math.max(minWaitMs, dueMs)) };
    const made = await database.transaction((transaction) => makeTicks(transaction, bounds));
    if (made.events > 0) onTicked(made.events);
    for (const schedule of made.ended) onEnded(schedule);
    return { waitMs: made.schedules === batchSize ? 0 : minWaitMs };
  };
}

/** The events of the ticks, and the schedules moved on to their next ones: all of it, or none. */
async function makeTicks(
  transaction: Queryable,
  bounds: TickerBounds,
): Promise<{ schedules: number; events: number; ended: DueSchedule[] }> {
  const { due, nowMs } = await claimDueSchedules(transaction, bounds.batchSize);
  const decided = due.map((schedule) => ({ ...schedule, ...decideTicks({ ...schedule, nowMs, ...bounds }) }));
  const events = decided.flatMap((one) => one.ticks.map((tickMs) => eventOf(one, tickMs)));
  if (events.length > 0) {
    const result = await acceptEvents(transaction, events);
    assert(result.kind === "accepted", "nothing was expected of the receive counter");
  }
  if (decided.length > 0) await moveSchedules(transaction, decided);
  failpoint("schedule.written");
  const ended = decided.filter((one) => one.nextTickMs === undefined);
  return { schedules: due.length, events: events.length, ended };
}

/** How long a tick is remembered, ms: one that was made is not made again, whatever became of its schedule. */
const KEY_WINDOW_MS = 72 * 3_600_000;

function eventOf({ tenantId, flowId, schedule }: DueSchedule, tickMs: number): NewEvent {
  const key = `tick:${new Date(tickMs).toISOString()}`;
  return {
    tenantId,
    connector: TICK_EVENT.connector,
    // By which the router knows the one flow that it starts.
    endpoint: flowId,
    type: TICK_EVENT.type,
    source: "schedule",
    priority: priorityOf("schedule"),
    subject: flowId,
    occurredAtMs: tickMs,
    deliveryKey: key,
    item: 0,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(JSON.stringify(schedule.data ?? {})),
    keys: [{ key, windowMs: KEY_WINDOW_MS }],
  };
}
