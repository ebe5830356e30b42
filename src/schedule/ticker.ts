import assert from "node:assert";
import { TICK_EVENT } from "../domain/flow/schedule.ts";
import { writeJson } from "../domain/json/exact-number.ts";
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

/** Bounds of the ticker. */
export interface TickerBounds {
  /** Schedules per transaction. */
  batchSize: number;
  /** Ticks of one schedule per transaction. */
  maxTicks: number;
  /** The lateness beyond which a tick counts as missed, ms. */
  onTimeMs: number;
  /** The longest wait, ms. A schedule that was just deployed may be late by this time. */
  idleMs: number;
  /** The shortest wait, ms. */
  minWaitMs: number;
}

/** The dependencies of the ticker. */
export interface TickerDeps {
  database: Pick<Database, "pipeline" | "transaction">;
  bounds: TickerBounds;
  /** Called with the number of committed events. */
  onTicked: (events: number) => void;
  /** Called for a schedule without a next tick, which will not start its flow again. */
  onEnded: (schedule: { tenantId: string; flowId: string }) => void;
}

/** Creates the step that makes the events of due ticks and waits for the next tick. */
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

/** Makes the events of due ticks and advances their schedules, in one transaction. */
async function makeTicks(
  transaction: Queryable,
  bounds: TickerBounds,
): Promise<{ schedules: number; events: number; ended: DueSchedule[] }> {
  const { due, nowMs } = await claimDueSchedules(transaction, bounds.batchSize);
  const decided = due.map((schedule) => ({ ...schedule, ...decideTicks({ ...schedule, nowMs, ...bounds }) }));
  const events = decided.flatMap((one) => one.ticks.map((tickMs) => eventOf(one, tickMs)));
  if (events.length > 0) {
    const result = await acceptEvents(transaction, events);
    assert(result.kind === "accepted", "ticks do not depend on the receive counter");
  }
  if (decided.length > 0) await moveSchedules(transaction, decided);
  failpoint("schedule.written");
  const ended = decided.filter((one) => one.nextTickMs === undefined);
  return { schedules: due.length, events: events.length, ended };
}

/** How long the key of a tick is kept, ms, so that it is not made twice. */
const KEY_WINDOW_MS = 72 * 3_600_000;

function eventOf({ tenantId, flowId, schedule }: DueSchedule, tickMs: number): NewEvent {
  const key = `tick:${new Date(tickMs).toISOString()}`;
  return {
    tenantId,
    connector: TICK_EVENT.connector,
    // The router starts the flow with this id.
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
    payload: Buffer.from(writeJson(schedule.data ?? {})),
    keys: [{ key, windowMs: KEY_WINDOW_MS }],
  };
}
