import { isUnavailable, type Queryable } from "../../postgres/database.ts";
import { loadEvents, type StoredEvent } from "../../postgres/events.ts";
import { type NewRun, type RoutingDecision, routeEvents } from "../../postgres/routing.ts";
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
import type { Step } from "../../runtime/loop.ts";
import { deadLetter, decideRouting, type Normalize } from "./decide.ts";
import type { DeployedFlows } from "./deployed-flows.ts";

export interface RouterLimits {
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
}

export interface RouterDeps {
  database: Queryable;
  redis: RedisClient;
  /** Waits in reads; used by nothing else. */
  blocking: RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  flows: DeployedFlows;
  normalize: Normalize;
  /** This router among the consumers of the group. */
  consumer: string;
  limits: RouterLimits;
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
  const { blocking, keys, consumer, limits } = deps;
  return async () => {
    if (deps.flows.counter === 0) await deps.flows.prepare({ oldest: Number.POSITIVE_INFINITY, newest: 0 });
    const { batchSize: count, blockMs } = limits;
    const entries = await readEvents(blocking, keys, { consumer, count, blockMs });
    if (entries.length > 0) await routeEntries(deps, entries);
    return { waitMs: 0 };
  };
}

/** One step of tidying: routes what dead consumers left behind, and forgets them. */
export function createTakeOver(deps: RouterDeps): Step {
  const { redis, keys, consumer, limits } = deps;
  return async () => {
    if (deps.flows.counter === 0) return { waitMs: limits.takeOverMs / 2 };
    const { takeOverMs: minIdleMs, batchSize: count } = limits;
    const entries = await takeOverEvents(redis, keys, { consumer, minIdleMs, count });
    if (entries.length > 0) await routeEntries(deps, entries);
    await forgetConsumers(redis, keys, limits.forgetMs);
    return { waitMs: entries.length > 0 ? 0 : limits.takeOverMs / 2 };
  };
}

/** Routes the events, then drops the entries, then hands the runs over: whatever is lost in between comes again. */
async function routeEntries(deps: RouterDeps, entries: readonly StreamEntry[]): Promise<void> {
  const { redis, keys, queues, limits } = deps;
  const events = await loadEvents(deps.database, [...new Set(entries.map((entry) => entry.eventId))]);
  const runs = await route(deps, events);
  await Promise.all([dropEntries(redis, keys, entries), queues.add(jobsOf(runs, limits.maxRunsPerJob))]);
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
  await deps.flows.prepare({ oldest: Math.min(...moments), newest: Math.max(...moments) });
  return await write(
    deps,
    decideRouting(events, deps.normalize, (event, moment) => deps.flows.match(event, moment)),
  );
}

/** An event whose routing itself fails goes to the dead letters, so that it holds up no other. */
async function bury(deps: RouterDeps, event: StoredEvent, error: unknown): Promise<NewRun[]> {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return await write(deps, {
    verdicts: [{ eventId: event.id, tenantId: event.tenantId, status: "dead" }],
    runs: [],
    deadLetters: [deadLetter(event, "route", message, stack)],
  });
}

/** Carries the decision out and answers the runs that were made. */
async function write(deps: RouterDeps, decision: RoutingDecision): Promise<NewRun[]> {
  const events = await routeEvents(deps.database, decision, deps.limits.runLeaseMs);
  const written = decision.verdicts.filter((verdict) => events.has(verdict.eventId));
  const withStatus = (status: string) => written.filter((verdict) => verdict.status === status);
  const count = (status: string) => withStatus(status).length;
  const runs = decision.runs.filter((run) => events.has(run.eventId));
  deps.onRouted({
    routed: count("routed"),
    unmatched: count("unmatched"),
    dropped: withStatus("unmatched").filter(({ eventId }) => !events.get(eventId)?.buried).length,
    dead: count("dead"),
    runs: runs.length,
  });
  return runs;
}
