import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import { ROUTER_LOST } from "../../postgres/dead-letters/bulk-replay.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import type { EventsAtHand } from "../../postgres/events/events-at-hand.ts";
import { countStart, markStarted } from "../../postgres/events/outbox.ts";
import { type NewRun, type RoutingDecision, routeEvents } from "../../postgres/events/routing.ts";
import type { ClaimedRuns } from "../../postgres/runs/runs.ts";
import { uuid7Ms } from "../../postgres/schema/partitions.ts";
import type { RedisClient } from "../../redis/client.ts";
import {
  dropEntries,
  forgetConsumers,
  readEvents,
  type StreamEntry,
  takeOverEvents,
} from "../../redis/event-stream.ts";
import { type JobQueues, jobsOf } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { failpoint } from "../../runtime/failpoint.ts";
import type { Step } from "../../runtime/loop.ts";
import { inTurns } from "../../runtime/turns.ts";
import { deadLetter, decideRouting, type Normalize } from "./decide.ts";
import type { DeployedFlows } from "./deployed-flows.ts";

export interface RouterBounds {
  /** Events read at once from each lane's stream. */
  batchSize: number;
  /** How long one read waits for the first event, ms. */
  blockMs: number;
  /** How long a run's job may be on its way before the run is queued again, ms. */
  runLeaseMs: number;
  /** Runs of one flow and lane that share a job. */
  maxRunsPerJob: number;
  /** Entries that a consumer has held this long without acknowledging are taken over, ms. */
  takeOverMs: number;
  /** A consumer that holds nothing and was not heard of for this long is forgotten, ms. */
  forgetMs: number;
  /** An event that is older may have been published before, and is looked at for that, ms. */
  suspectMs: number;
  /** So many routers may begin with an event alone and be gone; after one more it is a dead letter. */
  maxReceipts: number;
}

/** Carries runs out in the process that made them, while it has room: they need no job and no claim. */
export interface RunsHere {
  /** Keeps room for those of the runs, all of flows without limits, that it would take now. */
  reserve(runs: readonly NewRun[]): {
    runIds: ReadonlySet<string>;
    /** Takes those that were claimed, and gives up the room of the others. */
    begin(claimed: ClaimedRuns): void;
    /** Gives up all of it. */
    cancel(): void;
  };
  /** How long they are claimed for, ms. */
  leaseMs: number;
}

export interface RouterDeps {
  database: Queryable;
  events: Pick<EventsAtHand, "load">;
  redis: RedisClient;
  /** Waits in reads; used by nothing else. */
  blocking: RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  /** Undefined where no runs are executed. */
  runsHere: RunsHere | undefined;
  flows: DeployedFlows;
  normalize: Normalize;
  /** This router among the consumers of the group. */
  consumer: string;
  bounds: RouterBounds;
  now: () => number;
  random: () => number;
  onRouted: (counts: RoutedCounts) => void;
}

/** What became of a batch: events by verdict, those of the unmatched that a policy dropped, and the runs. */
export interface RoutedCounts {
  routed: number;
  unmatched: number;
  dropped: number;
  dead: number;
  runs: number;
}

/** One step of routing: reads a batch of ids, the first lane first, and routes it. */
export function createRouter(deps: RouterDeps): Step {
  const { blocking, keys, consumer, bounds } = deps;
  return async () => {
    if (deps.flows.counter === 0) await deps.flows.prepare({ oldest: Number.POSITIVE_INFINITY, newest: 0 });
    const { batchSize: count, blockMs } = bounds;
    const entries = await readEvents(blocking, keys, { consumer, count, blockMs });
    if (entries.length > 0) await routeEntries(deps, entries);
    return { waitMs: 0 };
  };
}

/** One step of tidying: routes what dead consumers left behind, and forgets them. */
export function createTakeOver(deps: RouterDeps): Step {
  const { redis, keys, consumer, bounds } = deps;
  return async () => {
    if (deps.flows.counter === 0) return { waitMs: bounds.takeOverMs / 2 };
    const { takeOverMs: minIdleMs, batchSize: count } = bounds;
    const entries = await takeOverEvents(redis, keys, { consumer, minIdleMs, count });
    if (entries.length > 0) await routeEntries(deps, entries);
    await forgetConsumers(redis, keys, bounds.forgetMs);
    return { waitMs: entries.length > 0 ? 0 : bounds.takeOverMs / 2 };
  };
}

/**
 * Routes the events together, and after them, one by one, those with which a router had begun before: it may be one of
 * them that ends the process, and it must end no other's way with it.
 */
async function routeEntries(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<void> {
  const again = await begunBefore(deps, entries);
  await routeTogether(
    deps,
    entries.filter((entry) => !again.has(entry.eventId)),
  );
  for (const eventId of again) {
    const runs = await routeAlone(deps, eventId);
    await handOver(
      deps,
      entries.filter((entry) => entry.eventId === eventId),
      runs,
    );
  }
}

async function begunBefore(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<Set<string>> {
  const beforeMs = deps.now() - deps.bounds.suspectMs;
  const old = entries.flatMap(({ eventId }) => (uuid7Ms(eventId) < beforeMs ? eventId : []));
  return old.length === 0 ? new Set() : await markStarted(deps.database, [...new Set(old)]);
}

async function routeTogether(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const events = await deps.events.load([...new Set(entries.map((entry) => entry.eventId))]);
  await handOver(deps, entries, await route(deps, events));
}

/** Routes one event alone, or makes it a dead letter when too many routers were gone before they had routed it. */
async function routeAlone(deps: RouterDeps, eventId: string): Promise<NewRun[]> {
  const begun = await countStart(deps.database, eventId, 1);
  const [event] = begun === undefined ? [] : await deps.events.load([eventId]);
  if (begun === undefined || event === undefined) return [];
  if (begun > deps.bounds.maxReceipts) {
    const error = new Error(`${begun} processes in a row were gone before they had routed this event`);
    return await bury(deps, event, error, ROUTER_LOST);
  }
  try {
    return await route(deps, [event]);
  } catch (error) {
    // This process is there: it was the store that went away.
    await countStart(deps.database, eventId, -1).catch(() => undefined);
    throw error;
  }
}

/** Drops the entries, then hands the runs over: whatever is lost in between comes again. */
async function handOver(
  deps: RouterDeps,
  entries: readonly StreamEntry[],
  runs: readonly NewRun[],
): Promise<void> {
  const { redis, keys, queues, bounds } = deps;
  await Promise.all([dropEntries(redis, keys, entries), queues.add(jobsOf(runs, bounds.maxRunsPerJob))]);
}

/** Decides and writes; when PostgreSQL refuses the batch, in halves, down to the one event that cannot be routed. */
async function route(deps: RouterDeps, events: readonly StoredEvent[]): Promise<NewRun[]> {
  if (events.length === 0) return [];
  try {
    return await decideAndWrite(deps, events);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const [only] = events;
    if (events.length === 1 && only !== undefined) return await bury(deps, only, error);
    const middle = events.length >> 1;
    const first = await route(deps, events.slice(0, middle));
    return [...first, ...(await route(deps, events.slice(middle)))];
  }
}

async function decideAndWrite(deps: RouterDeps, events: readonly StoredEvent[]): Promise<NewRun[]> {
  const moments = events.map((event) => event.flowsCounter);
  const release = deps.flows.hold();
  try {
    await deps.flows.prepare({ oldest: Math.min(...moments), newest: Math.max(...moments) });
    return await write(deps, await inTurns(decideRouting(events, deps.normalize, deps.flows)));
  } finally {
    release();
  }
}

/** An event whose routing itself fails goes to the dead letters, so that it holds up no other. */
async function bury(deps: RouterDeps, event: StoredEvent, error: unknown, code?: string): Promise<NewRun[]> {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return await write(deps, {
    verdicts: [{ eventId: event.id, tenantId: event.tenantId, status: "dead" }],
    runs: [],
    deadLetters: [deadLetter(event, "route", message, code === undefined ? { stack } : { code })],
  });
}

/** Carries the decision out, begins the runs that it claimed, and answers those that need a job. */
async function write(deps: RouterDeps, decision: RoutingDecision): Promise<NewRun[]> {
  const { runsHere, bounds, random } = deps;
  const here = runsHere?.reserve(decision.runs.filter((run) => run.gate === undefined));
  const { events, claimed } = await routeEvents(deps.database, decision, {
    queuedLeaseMs: bounds.runLeaseMs,
    claim: here && {
      runIds: here.runIds,
      // By chance, as with every claim: one that a crash took back must not meet its like.
      fence: 1 + Math.floor(random() * 1_000_000),
      leaseMs: runsHere?.leaseMs ?? 0,
    },
  }).catch((error: unknown) => {
    here?.cancel();
    throw error;
  });
  here?.begin(claimed);
  if (decision.deadLetters.length > 0) failpoint("capture.routed");
  const written = decision.verdicts.filter((verdict) => events.has(verdict.eventId));
  const withStatus = (status: string) => written.filter((verdict) => verdict.status === status);
  const count = (status: string) => withStatus(status).length;
  const runs = decision.runs.filter((run) => events.has(run.eventId));
  deps.onRouted({
    routed: count("routed"),
    unmatched: count("unmatched"),
    dropped: withStatus("unmatched").filter(({ eventId }) => !events.get(eventId)?.deadLettered).length,
    dead: count("dead"),
    runs: runs.length,
  });
  const begun = new Set(claimed.runs.map((run) => run.id));
  return runs.filter((run) => !begun.has(run.id));
}
