import type { NormalizedEvent } from "../../domain/event/event.ts";
import { normalize } from "../../domain/event/normalize.ts";
import { isUnavailable, type Queryable } from "../../postgres/core/database.ts";
import { ROUTER_LOST } from "../../postgres/dead-letters/bulk-replay.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { countStart, markStarted } from "../../postgres/events/outbox.ts";
import { type NewRun, type RoutingDecision, routeEvents } from "../../postgres/events/routing.ts";
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
import type { FastPath, RoutedEvent } from "../fast-path/fast-path.ts";
import { deadLetter, decideRouting, type Normalize } from "./decide.ts";
import type { DeployedFlows } from "./deployed-flows.ts";

export interface RouterBounds {
  /** Events per read and lane. */
  batchSize: number;
  /** How long a read waits for an event, ms. */
  blockMs: number;
  /** How long a run waits for its job to be claimed before it is queued again, ms. */
  runLeaseMs: number;
  /** Runs of one flow and lane per job. */
  maxRunsPerJob: number;
  /** Entries that a consumer has not acknowledged after this time are taken over, ms. */
  takeOverMs: number;
  /** A consumer without entries that was idle for this time is removed, ms. */
  forgetMs: number;
  /** The age from which an event is checked for an earlier delivery to a router, ms. */
  suspectMs: number;
  /** How many routers may be lost with an event that they route alone. After one more it is a dead letter. */
  maxReceipts: number;
}

export interface RouterDeps {
  database: Queryable;
  redis: RedisClient;
  /** A connection for blocking reads only. */
  blocking: RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  fastPath?: Pick<FastPath, "routedEvents" | "localRuns"> | undefined;
  flows: DeployedFlows;
  /** The router's name in the consumer group. */
  consumer: string;
  bounds: RouterBounds;
  now: () => number;
  random: () => number;
  onRouted: (counts: RoutedCounts) => void;
}

/** Counts of a batch: events by verdict, unmatched events that a policy dropped, and runs. */
export interface RoutedCounts {
  routed: number;
  unmatched: number;
  dropped: number;
  dead: number;
  runs: number;
}

/** One step of routing: reads a batch of ids, lane P1 first, and routes it. */
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

/** One step of taking over: routes the entries that lost consumers have left, and removes the consumers. */
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
 * Routes events together, and then, one by one, those that another router began to route: if one of them ends the
 * process, no other event is affected.
 */
async function routeEntries(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<void> {
  const suspects = await findSuspects(deps, entries);
  await routeTogether(
    deps,
    entries.filter((entry) => !suspects.has(entry.eventId)),
  );
  for (const eventId of suspects) {
    const runs = await routeAlone(deps, eventId);
    await handOver(
      deps,
      entries.filter((entry) => entry.eventId === eventId),
      runs,
    );
  }
}

async function findSuspects(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<Set<string>> {
  const beforeMs = deps.now() - deps.bounds.suspectMs;
  const old = entries.flatMap(({ eventId }) => (uuid7Ms(eventId) < beforeMs ? eventId : []));
  return old.length === 0 ? new Set() : await markStarted(deps.database, [...new Set(old)]);
}

async function routeTogether(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<void> {
  if (entries.length === 0) return;
  const events = await loadEvents(deps.database, [...new Set(entries.map((entry) => entry.eventId))]);
  await handOver(deps, entries, await route(deps, events));
}

/** Routes one event alone, or makes it a dead letter if too many routers were lost with it. */
async function routeAlone(deps: RouterDeps, eventId: string): Promise<NewRun[]> {
  const begun = await countStart(deps.database, eventId, 1);
  const [event] = begun === undefined ? [] : await loadEvents(deps.database, [eventId]);
  if (begun === undefined || event === undefined) return [];
  if (begun > deps.bounds.maxReceipts) {
    const error = new Error(`${begun} processes in a row were lost before they had routed this event`);
    return await routeToDeadLetters(deps, event, error, ROUTER_LOST);
  }
  try {
    return await route(deps, [event]);
  } catch (error) {
    // The store failed, not this process: the try does not count.
    await countStart(deps.database, eventId, -1).catch(() => undefined);
    throw error;
  }
}

/** Drops the entries and adds the jobs. After a crash the entries are taken over, or the runs come due. */
async function handOver(
  deps: RouterDeps,
  entries: readonly StreamEntry[],
  runs: readonly NewRun[],
): Promise<void> {
  const { redis, keys, queues, bounds } = deps;
  await Promise.all([dropEntries(redis, keys, entries), queues.add(jobsOf(runs, bounds.maxRunsPerJob))]);
}

/** Decides and writes. If PostgreSQL rejects the batch, retries in halves, down to the event that cannot be routed. */
async function route(deps: RouterDeps, events: readonly StoredEvent[]): Promise<NewRun[]> {
  if (events.length === 0) return [];
  try {
    return await decideAndWrite(deps, events);
  } catch (error) {
    if (isUnavailable(error)) throw error;
    const [only] = events;
    if (events.length === 1 && only !== undefined) return await routeToDeadLetters(deps, only, error);
    const middle = events.length >> 1;
    const first = await route(deps, events.slice(0, middle));
    return [...first, ...(await route(deps, events.slice(middle)))];
  }
}

async function decideAndWrite(deps: RouterDeps, events: readonly StoredEvent[]): Promise<NewRun[]> {
  const counters = events.map((event) => event.flowsCounter);
  const release = deps.flows.hold();
  try {
    await deps.flows.prepare({ oldest: Math.min(...counters), newest: Math.max(...counters) });
    const { normalize, normalized } = recording();
    const decision = await inTurns(decideRouting(events, normalize, deps.flows));
    return await write(
      deps,
      decision,
      events.map((stored) => ({ stored, normalized: normalized.get(stored.id) })),
    );
  } finally {
    release();
  }
}

/** Returns `normalize`, and the events that it has read, by id. */
function recording(): { normalize: Normalize; normalized: Map<string, NormalizedEvent> } {
  const normalized = new Map<string, NormalizedEvent>();
  return {
    normalized,
    normalize(stored) {
      const result = normalize(stored);
      if (result.kind === "normalized") normalized.set(stored.id, result.event);
      return result;
    },
  };
}

/** Makes a dead letter of an event whose routing fails, so that the events behind it go on. */
async function routeToDeadLetters(
  deps: RouterDeps,
  event: StoredEvent,
  error: unknown,
  code?: string,
): Promise<NewRun[]> {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  const decision: RoutingDecision = {
    verdicts: [{ eventId: event.id, tenantId: event.tenantId, status: "dead" }],
    runs: [],
    deadLetters: [deadLetter(event, "route", message, code === undefined ? { stack } : { code })],
  };
  return await write(deps, decision, []);
}

/** Writes the decision, starts the runs that were claimed with it, and returns those that need a job. */
async function write(
  deps: RouterDeps,
  decision: RoutingDecision,
  routedEvents: readonly RoutedEvent[],
): Promise<NewRun[]> {
  const { fastPath, bounds, random } = deps;
  const capacity = fastPath?.localRuns?.capacity(decision.runs.filter((run) => run.gate === undefined));
  const { events, claimed } = await routeEvents(deps.database, decision, {
    queuedLeaseMs: bounds.runLeaseMs,
    claim: capacity && {
      runIds: capacity.runIds,
      // Random, as in every claim: if a crash undoes this routing, the next one must use another fence.
      fence: 1 + Math.floor(random() * 1_000_000),
      leaseMs: capacity.leaseMs,
    },
  }).catch((error: unknown) => {
    capacity?.cancel();
    throw error;
  });
  const runs = decision.runs.filter((run) => events.has(run.eventId));
  const withRuns = new Set(runs.map((run) => run.eventId));
  fastPath?.routedEvents?.put(routedEvents.filter(({ stored }) => withRuns.has(stored.id)));
  capacity?.start(claimed);
  if (decision.deadLetters.length > 0) failpoint("capture.routed");
  const written = decision.verdicts.filter((verdict) => events.has(verdict.eventId));
  const withStatus = (status: string) => written.filter((verdict) => verdict.status === status);
  const count = (status: string) => withStatus(status).length;
  deps.onRouted({
    routed: count("routed"),
    unmatched: count("unmatched"),
    dropped: withStatus("unmatched").filter(({ eventId }) => !events.get(eventId)?.deadLettered).length,
    dead: count("dead"),
    runs: runs.length,
  });
  const started = new Set(claimed.runs.map((run) => run.id));
  return runs.filter((run) => !started.has(run.id));
}
