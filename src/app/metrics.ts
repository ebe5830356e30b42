import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What each stage counts. Nothing here reads a table: counters count what happened, gauges are set by loops. */
export interface Metrics {
  registry: Registry;
  /** Deliveries by their answer: accepted, duplicate, rejected, challenge, method_not_allowed, rate_limited. */
  deliveries: Counter<"answer">;
  /** Requests that were refused before they were judged, or could not be stored, by the code of the error. */
  refusals: Counter<"code">;
  /** Rejected deliveries by reason. */
  rejections: Counter<"reason">;
  /** Deliveries that were signed with a secret that a newer one replaces: when it stays still, the old one can go. */
  oldSecrets: Counter<"connector">;
  /** New events committed, from webhooks and the API. */
  accepted: Counter;
  /** Event ids that the relay published, again ones among them. */
  published: Counter;
  /** Events by verdict: routed, unmatched, dead. */
  routed: Counter<"verdict">;
  /** Events that met no trigger, and that a policy kept out of the dead letters. */
  dropped: Counter;
  /** Runs made by routing. */
  runsCreated: Counter;
  /** Attempts by the state they left their run in: succeeded, failed, dead. */
  attempts: Counter<"state">;
  /** How long an attempt took, s. */
  attemptSeconds: Histogram<"state">;
  /** Runs that were queued again: retries, lost jobs, dead workers. */
  swept: Counter;
  /** Runs that were claimed and held, by reason. */
  heldRuns: Counter<"reason">;
  /** Circuit breakers that opened, and closed. */
  breakers: Counter<"state">;
  /** Workers that stood still and were made anew, by lane. */
  workersReplaced: Counter<"lane">;
  /** Times that Redis was found to have lost what was published. */
  redisLosses: Counter;
  /** Failed steps of each loop. */
  loopFailures: Counter<"loop">;
  /** How old the oldest event is that is not routed yet, s. */
  oldestUnroutedSeconds: Gauge;
}

export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `headrace_${name}_total`, help, labelNames, registers });
  return {
    registry,
    deliveries: counter("deliveries", "Deliveries by their answer", ["answer"]),
    refusals: counter("refusals", "Deliveries refused unjudged, or not storable, by error code", ["code"]),
    rejections: counter("rejections", "Rejected deliveries by reason", ["reason"]),
    oldSecrets: counter("old_secret_deliveries", "Deliveries signed with a replaced secret", ["connector"]),
    accepted: counter("events_accepted", "New events committed"),
    published: counter("events_published", "Event ids published, again ones among them"),
    routed: counter("events_routed", "Events by verdict", ["verdict"]),
    dropped: counter("events_dropped", "Unmatched events that a policy dropped"),
    runsCreated: counter("runs_created", "Runs made by routing"),
    attempts: counter("attempts", "Attempts by the state they left their run in", ["state"]),
    attemptSeconds: new Histogram({
      name: "headrace_attempt_seconds",
      help: "How long an attempt took",
      labelNames: ["state"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    swept: counter("runs_swept", "Runs queued again"),
    heldRuns: counter("runs_held", "Runs held back by a bound or a breaker", ["reason"]),
    breakers: counter("breakers", "Circuit breakers that opened and closed", ["state"]),
    workersReplaced: counter("workers_replaced", "Workers that stood still and were made anew", ["lane"]),
    redisLosses: counter("redis_losses", "Times that Redis lost what was published"),
    loopFailures: counter("loop_failures", "Failed steps of each loop", ["loop"]),
    oldestUnroutedSeconds: new Gauge({
      name: "headrace_oldest_unrouted_seconds",
      help: "Age of the oldest event that is not routed yet",
      registers,
    }),
  };
}
