import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** The metrics of a process. Scrapes read no tables: counters count events, and loops set the gauges. */
export interface Metrics {
  registry: Registry;
  /** Deliveries by their answer: accepted, duplicate, rejected, challenge, method_not_allowed, rate_limited. */
  deliveries: Counter<"answer">;
  /** Deliveries that were refused before verification, or could not be stored, by error code. */
  refusals: Counter<"code">;
  /** Requests that were answered 503, deliveries and API calls, by cause: see `health/unavailable.ts`. */
  unavailable: Counter<"cause">;
  /** API calls that were refused by a bound: failed_keys, key_rate, key_share, tenant_share. */
  refusedCalls: Counter<"reason">;
  /** Connections that a bound closed: max_connections, request_timeout, inactive, answer_timeout. */
  droppedConnections: Counter<"reason">;
  /** Rejected deliveries by reason. */
  rejections: Counter<"reason">;
  /** Deliveries signed with a replaced secret. When it no longer rises, the old secret can be removed. */
  oldSecrets: Counter<"connector">;
  /** New events committed, from webhooks and the API. */
  accepted: Counter;
  /** Event ids that the relay published, including repeated ones. */
  published: Counter;
  /** Events by verdict: routed, unmatched, dead. */
  routed: Counter<"verdict">;
  /** Events that matched no trigger and were dropped by a policy. */
  dropped: Counter;
  /** Runs created by routing. */
  runsCreated: Counter;
  /** Attempts by the state they left their run in: succeeded, failed, dead. */
  attempts: Counter<"state">;
  /** The duration of an attempt, s. */
  attemptSeconds: Histogram<"state">;
  /** Runs that were queued again: retries, lost jobs, dead workers. */
  swept: Counter;
  /** Dead letters replayed by policies, on time (auto) or after a cleared cause (cleared). */
  autoReplays: Counter<"cause">;
  /** Bulk replays by their end: done, aborted, stopped. */
  bulkReplays: Counter<"state">;
  /** Runs that were claimed and held, by reason. */
  heldRuns: Counter<"reason">;
  /** Circuit breakers that opened, and closed. */
  breakers: Counter<"state">;
  /** Flow hosts that ended unexpectedly, by code. */
  flowHostEnds: Counter<"code">;
  /** Workers that took no jobs and were recreated, by lane. */
  workersReplaced: Counter<"lane">;
  /** Detected losses of published data in Redis. */
  redisLosses: Counter;
  /** Polls by their outcome: ok, degraded, held, rate_limited, error. */
  polls: Counter<"status">;
  /** Polls that were ok and found no change. */
  emptyPolls: Counter;
  /** Requests that polls sent, by connector. */
  pollRequests: Counter<"connector">;
  /** Pages of polls: read, or unchanged (the same bytes, or not modified). */
  polledPages: Counter<"page">;
  /** The delay between the due time and the start of a poll, s. */
  pollLagSeconds: Histogram;
  /** Changes that a poll found without a webhook from the connector. */
  missedByWebhook: Counter<"connector">;
  /** Detected losses of the known records of a source. */
  pollStatesLost: Counter;
  /** Sources rescheduled after Redis lost the schedule. */
  pollsRescheduled: Counter;
  /** Due sources that nobody polls. */
  pollsDue: Gauge;
  /** How long the first of them has been due, s. */
  pollOldestDueSeconds: Gauge;
  /** Requests left in the budget of polls. */
  pollBudgetLeft: Gauge;
  /** Failed steps of each loop. */
  loopFailures: Counter<"loop">;
  /** The age of the oldest unrouted event, s. */
  oldestUnroutedSeconds: Gauge;
  /** Pending dead letters. */
  deadLetters: Gauge<"stage">;
  /** Pending dead letters of the tenants with the most. */
  deadLettersOfTenant: Gauge<"tenant" | "stage">;
  /** The age of the oldest pending dead letter, s. */
  oldestDeadLetterSeconds: Gauge<"stage">;
  /** The age of the oldest pending dead letter of the tenants with the most, s. */
  oldestDeadLetterOfTenantSeconds: Gauge<"tenant" | "stage">;
  /** Dead letters that still have their payload. */
  keptDeadLetters: Gauge;
  /** The bytes of their payloads. */
  keptDeadLetterBytes: Gauge;
  /** Dead letters that retention emptied, and rows that it deleted. */
  expiredDeadLetters: Counter<"what">;
  /** Alerts that were opened and resolved. */
  alerts: Counter<"kind" | "change">;
  openAlerts: Gauge<"kind">;
  /** Alert notices that could not be delivered. */
  alertNoticesGivenUp: Counter;
}

/** Creates the metrics in a registry of their own. */
export function createMetrics(): Metrics {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Counter({ name: `headrace_${name}_total`, help, labelNames, registers });
  const gauge = <Label extends string>(name: string, help: string, labelNames: Label[] = []) =>
    new Gauge({ name: `headrace_${name}`, help, labelNames, registers });
  return {
    registry,
    deliveries: counter("deliveries", "Deliveries by their answer", ["answer"]),
    refusals: counter("refusals", "Deliveries refused before verification or not storable, by error code", [
      "code",
    ]),
    unavailable: counter("unavailable", "Requests answered 503, deliveries and API calls, by cause", [
      "cause",
    ]),
    refusedCalls: counter("api_refusals", "API calls answered 429, by the bound that refused them", [
      "reason",
    ]),
    droppedConnections: counter("connections_dropped", "Connections closed by a bound, by reason", [
      "reason",
    ]),
    rejections: counter("rejections", "Rejected deliveries by reason", ["reason"]),
    oldSecrets: counter("old_secret_deliveries", "Deliveries signed with a replaced secret", ["connector"]),
    accepted: counter("events_accepted", "New events committed"),
    published: counter("events_published", "Event ids published, including repeated ones"),
    routed: counter("events_routed", "Events by verdict", ["verdict"]),
    dropped: counter("events_dropped", "Unmatched events that a policy dropped"),
    runsCreated: counter("runs_created", "Runs created by routing"),
    attempts: counter("attempts", "Attempts by the state they left their run in", ["state"]),
    attemptSeconds: new Histogram({
      name: "headrace_attempt_seconds",
      help: "Duration of an attempt",
      labelNames: ["state"],
      buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
      registers,
    }),
    swept: counter("runs_swept", "Runs queued again"),
    autoReplays: counter("auto_replays", "Dead letters replayed by policies, by cause", ["cause"]),
    bulkReplays: counter("bulk_replays", "Bulk replays by their end", ["state"]),
    heldRuns: counter("runs_held", "Runs held back by a bound or a breaker", ["reason"]),
    flowHostEnds: counter("flow_host_ends", "Flow hosts that ended unexpectedly", ["code"]),
    breakers: counter("breakers", "Circuit breakers that opened and closed", ["state"]),
    workersReplaced: counter("workers_replaced", "Workers that took no jobs and were recreated", ["lane"]),
    redisLosses: counter("redis_losses", "Losses of published data in Redis"),
    polls: counter("polls", "Polls by their outcome", ["status"]),
    emptyPolls: counter("polls_empty", "Polls that were ok and found no change"),
    pollRequests: counter("poll_requests", "Requests that polls sent", ["connector"]),
    polledPages: counter("polled_pages", "Pages of polls, read or unchanged", ["page"]),
    pollLagSeconds: new Histogram({
      name: "headrace_poll_lag_seconds",
      help: "Delay between the due time and the start of a poll",
      buckets: [0.05, 0.2, 1, 5, 20, 60, 300, 1_800],
      registers,
    }),
    missedByWebhook: counter("poll_missed_by_webhook", "Changes found by polls without a webhook", [
      "connector",
    ]),
    pollStatesLost: counter("poll_states_lost", "Detected losses of the digests of a source"),
    pollsRescheduled: counter("polls_rescheduled", "Sources rescheduled after Redis lost the schedule"),
    pollsDue: gauge("polls_due", "Due sources that nobody polls"),
    pollOldestDueSeconds: gauge("poll_oldest_due_seconds", "How long the first due source has been due"),
    pollBudgetLeft: gauge("poll_budget_left", "Requests left in the budget of polls"),
    loopFailures: counter("loop_failures", "Failed steps of each loop", ["loop"]),
    oldestUnroutedSeconds: gauge("oldest_unrouted_seconds", "Age of the oldest unrouted event"),
    deadLetters: gauge("dlq_depth", "Dead letters that wait for a replay", ["stage"]),
    deadLettersOfTenant: gauge("dlq_tenant_depth", "The same for the tenants with the most", [
      "tenant",
      "stage",
    ]),
    oldestDeadLetterSeconds: gauge("dlq_oldest_seconds", "Wait of the oldest dead letter", ["stage"]),
    oldestDeadLetterOfTenantSeconds: gauge(
      "dlq_tenant_oldest_seconds",
      "The same for the tenants with the most",
      ["tenant", "stage"],
    ),
    keptDeadLetters: gauge("dlq_kept", "Dead letters that still have their payload"),
    keptDeadLetterBytes: gauge("dlq_kept_bytes", "Bytes of the payloads of dead letters"),
    expiredDeadLetters: counter("dlq_expired", "Dead letters that retention emptied or deleted", ["what"]),
    alerts: counter("alerts", "Alerts by kind and change", ["kind", "change"]),
    openAlerts: gauge("alerts_open", "Open alerts", ["kind"]),
    alertNoticesGivenUp: counter("alert_notices_given_up", "Alert notices that could not be delivered"),
  };
}
