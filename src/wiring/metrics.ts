import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";

/** What each stage counts. Nothing here reads a table: counters count what happened, gauges are set by loops. */
export interface Metrics {
  registry: Registry;
  /** Deliveries by their answer: accepted, duplicate, rejected, challenge, method_not_allowed, rate_limited. */
  deliveries: Counter<"answer">;
  /** Requests that were refused before they were judged, or could not be stored, by the code of the error. */
  refusals: Counter<"code">;
  /** Requests that were answered 503, deliveries and API calls, by cause: see `app/unavailable.ts`. */
  unavailable: Counter<"cause">;
  /** API calls that a bound refused: failed_keys, key_rate, key_share, tenant_share. */
  refusedCalls: Counter<"reason">;
  /** Connections that a bound closed: max_connections, request_timeout, inactive, answer_timeout. */
  droppedConnections: Counter<"reason">;
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
  /** Dead letters that policies replayed: in their time (auto), or because the cause was cleared. */
  autoReplays: Counter<"cause">;
  /** Bulk replays that ended, by how: done, aborted, stopped. */
  bulkReplays: Counter<"state">;
  /** Runs that were claimed and held, by reason. */
  heldRuns: Counter<"reason">;
  /** Circuit breakers that opened, and closed. */
  breakers: Counter<"state">;
  /** Flow hosts that ended and were not asked to, by code. */
  flowHostEnds: Counter<"code">;
  /** Workers that stood still and were made anew, by lane. */
  workersReplaced: Counter<"lane">;
  /** Times that Redis was found to have lost what was published. */
  redisLosses: Counter;
  /** Polls by their outcome: ok, degraded, held, rate_limited, error. */
  polls: Counter<"status">;
  /** Polls that were ok and found no change. */
  emptyPolls: Counter;
  /** Requests that polls sent, by connector. */
  pollRequests: Counter<"connector">;
  /** Pages by what they were: read, or unchanged (byte for byte, or by the provider's word). */
  polledPages: Counter<"page">;
  /** How long after its due time a poll began, s. */
  pollLagSeconds: Histogram;
  /** Changes that a poll found and the connector's webhooks did not tell of. */
  missedByWebhook: Counter<"connector">;
  /** Times that what was known of a source's records was found lost. */
  pollStatesLost: Counter;
  /** Sources put back into a schedule that Redis had lost. */
  pollsRescheduled: Counter;
  /** Sources that are due and polled by nobody, and for how long the first of them has been, s. */
  pollsDue: Gauge;
  pollOldestDueSeconds: Gauge;
  /** Requests that the budget of polls has left for now. */
  pollBudgetLeft: Gauge;
  /** Failed steps of each loop. */
  loopFailures: Counter<"loop">;
  /** How old the oldest event is that is not routed yet, s. */
  oldestUnroutedSeconds: Gauge;
  /** Dead letters that wait for a replay, of all tenants and of those that have the most. */
  deadLetters: Gauge<"stage">;
  deadLettersOfTenant: Gauge<"tenant" | "stage">;
  /** How long the oldest of them has waited, s. */
  oldestDeadLetterSeconds: Gauge<"stage">;
  oldestDeadLetterOfTenantSeconds: Gauge<"tenant" | "stage">;
  /** Dead letters that hold their payload, and its bytes. */
  keptDeadLetters: Gauge;
  keptDeadLetterBytes: Gauge;
  /** Dead letters that retention emptied, and rows that it deleted. */
  expiredDeadLetters: Counter<"what">;
  /** Alerts that were opened and resolved. */
  alerts: Counter<"kind" | "change">;
  openAlerts: Gauge<"kind">;
  /** Notices of alerts that no webhook took. */
  alertNoticesGivenUp: Counter;
}

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
    refusals: counter("refusals", "Deliveries refused unjudged, or not storable, by error code", ["code"]),
    unavailable: counter("unavailable", "Requests answered 503, deliveries and API calls, by cause", [
      "cause",
    ]),
    refusedCalls: counter("api_refusals", "API calls answered 429, by the bound that refused them", [
      "reason",
    ]),
    droppedConnections: counter("connections_dropped", "Connections closed by a bound, by which", ["reason"]),
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
    autoReplays: counter("auto_replays", "Dead letters that policies replayed, by why", ["cause"]),
    bulkReplays: counter("bulk_replays", "Replays of many dead letters that ended, by how", ["state"]),
    heldRuns: counter("runs_held", "Runs held back by a bound or a breaker", ["reason"]),
    flowHostEnds: counter("flow_host_ends", "Flow hosts that ended and were not asked to", ["code"]),
    breakers: counter("breakers", "Circuit breakers that opened and closed", ["state"]),
    workersReplaced: counter("workers_replaced", "Workers that stood still and were made anew", ["lane"]),
    redisLosses: counter("redis_losses", "Times that Redis lost what was published"),
    polls: counter("polls", "Polls by their outcome", ["status"]),
    emptyPolls: counter("polls_empty", "Polls that were ok and found no change"),
    pollRequests: counter("poll_requests", "Requests that polls sent", ["connector"]),
    polledPages: counter("polled_pages", "Pages of polls, read or unchanged", ["page"]),
    pollLagSeconds: new Histogram({
      name: "headrace_poll_lag_seconds",
      help: "How long after its due time a poll began",
      buckets: [0.05, 0.2, 1, 5, 20, 60, 300, 1_800],
      registers,
    }),
    missedByWebhook: counter("poll_missed_by_webhook", "Changes that webhooks did not tell of", [
      "connector",
    ]),
    pollStatesLost: counter("poll_states_lost", "Times that a source's digests were found lost"),
    pollsRescheduled: counter("polls_rescheduled", "Sources put back into a schedule that Redis had lost"),
    pollsDue: gauge("polls_due", "Sources that are due and polled by nobody"),
    pollOldestDueSeconds: gauge("poll_oldest_due_seconds", "For how long the first due source has been due"),
    pollBudgetLeft: gauge("poll_budget_left", "Requests that the budget of polls has left"),
    loopFailures: counter("loop_failures", "Failed steps of each loop", ["loop"]),
    oldestUnroutedSeconds: gauge("oldest_unrouted_seconds", "Age of the oldest event that is not routed yet"),
    deadLetters: gauge("dlq_depth", "Dead letters that wait for a replay", ["stage"]),
    deadLettersOfTenant: gauge("dlq_tenant_depth", "The same of the tenants with the most", [
      "tenant",
      "stage",
    ]),
    oldestDeadLetterSeconds: gauge("dlq_oldest_seconds", "Wait of the oldest dead letter", ["stage"]),
    oldestDeadLetterOfTenantSeconds: gauge(
      "dlq_tenant_oldest_seconds",
      "The same of the tenants with the most",
      ["tenant", "stage"],
    ),
    keptDeadLetters: gauge("dlq_kept", "Dead letters that hold their payload"),
    keptDeadLetterBytes: gauge("dlq_kept_bytes", "Bytes of payload that dead letters hold"),
    expiredDeadLetters: counter("dlq_expired", "Dead letters that retention emptied or deleted", ["what"]),
    alerts: counter("alerts", "Alerts by what became of them", ["kind", "change"]),
    openAlerts: gauge("alerts_open", "Alerts that are open", ["kind"]),
    alertNoticesGivenUp: counter("alert_notices_given_up", "Notices of alerts that no webhook took"),
  };
}
