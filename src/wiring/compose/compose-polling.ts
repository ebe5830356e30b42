import type { PollDispatch } from "../../http/sources/polls.ts";
import { openAlerts, resolveAlerts } from "../../postgres/alerts/alerts.ts";
import { measureDue, sumDemand } from "../../postgres/sources/schedule-sync.ts";
import { credentialsAad, renewCredentials } from "../../postgres/sources/sources.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { schedulePolls } from "../../redis/poll-schedule.ts";
import { systemClock } from "../../runtime/clock.ts";
import { delay } from "../../runtime/delay.ts";
import { createFetchPages } from "../../synthetic/fetch/fetch-pages.ts";
import { readPolledSource } from "../../synthetic/fetch/read-source.ts";
import { watchPages } from "../../synthetic/fetch/watched-pages.ts";
import adaptivePolicy from "../../synthetic/policy/policy.ts";
import type { Fleet } from "../../synthetic/policy/poll-policy.ts";
import type { PollAlerts } from "../../synthetic/poll/end-poll.ts";
import { createPollSource } from "../../synthetic/poll/poll-source.ts";
import { createPollTurns } from "../../synthetic/poller/poll-turns.ts";
import { createPoller } from "../../synthetic/poller/poller.ts";
import { createScheduleWatch } from "../../synthetic/poller/schedule-watch.ts";
import { createSharedRateLimits } from "../../synthetic/rate-limits/shared-rate-limits.ts";
import type { PolledSource } from "../../synthetic/sources/polled-source.ts";
import { describeFault } from "../health/unavailable.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

export interface PollingDeps
  extends Pick<
    PipelineDeps,
    "roles" | "bounds" | "database" | "keyRing" | "outgoing" | "metrics" | "log" | "faults" | "codeSources"
  > {
  redis: RedisClient;
  keys: RedisKeys;
  loops: Loops;
  /** Called with the number of events of each commit. */
  onNewEvents: (events: number) => void;
}

/** The polls of a process, wired. */
export interface Polling {
  /** For polls that the API requests, also in a process that does not poll. */
  dispatch: PollDispatch;
  /** Lets polls under way end within the drain time, and releases the others. To be called once the loops are stopped. */
  drain(): Promise<void>;
}

/** The loops that stop first. The one that extends the leases of polls under way goes on. */
export const POLL_LOOPS = ["poll schedule", "polls", "poll demand", "polls due"] as const;

export function composePolling(deps: PollingDeps): Polling {
  const { roles, bounds, database, metrics, log, faults, redis, keys, loops } = deps;
  const { now } = systemClock;
  const { maxPerTenant } = bounds.poller;
  const dispatch: PollDispatch = {
    keptPolls: bounds.poll.keptPolls,
    pollNow(source) {
      const due = [{ ...source, waitMs: 0 }];
      // The poll schedule finds a source that is lost here, once it is overdue.
      schedulePolls(redis, keys, due, { mode: "urgent", maxPerTenant }).catch(() => {});
    },
  };
  if (!roles.has("poll")) return { dispatch, drain: async () => {} };

  let budgetLeft = bounds.pollBudget.burst;
  const fleet: Fleet & { pairs: number } = {
    budget: bounds.pollBudget,
    pairs: 1,
    connectors: [],
    rng: Math.random,
    shared: {},
    tokensAvailable: () => budgetLeft,
    queueLag: 0,
    keepsToBases: true,
  };
  const sharedLimits = createSharedRateLimits({
    redis,
    keys,
    fleet,
    onBudget(tokens) {
      budgetLeft = tokens;
      metrics.pollBudgetLeft.set(Math.round(tokens));
    },
  });
  const turns = createPollTurns({ policy: adaptivePolicy(), fleet, rateLimits: sharedLimits, now });

  const fetchPages = watchPages(composeFetching(deps), {
    async beforeNext(source, signal) {
      const limited = turns.limited(source);
      if (limited !== undefined) await sharedLimits.pace(limited, signal);
    },
    onPage: (_, page) => metrics.polledPages.inc({ page: page.records === undefined ? "unchanged" : "read" }),
    onEnd(source, { end, requests }) {
      metrics.pollRequests.inc({ connector: source.connector }, requests);
      const limited = turns.limited(source);
      if (limited === undefined || end.kind !== "rate_limited" || end.retryAfterMs === undefined) return;
      // Before the poll is committed: other polls are about to send.
      void sharedLimits.hold(limited.limit, end.retryAfterMs / 1_000, now() / 1_000);
    },
  });
  const poller = createPoller({
    database: database.pipeline,
    redis,
    keys,
    bounds: bounds.poller,
    turns,
    pollSource: createPollSource({
      database,
      redis,
      keys,
      fetchPages,
      bounds: bounds.poll,
      now,
      onEvents: deps.onNewEvents,
      readSource: (tenantId, source) =>
        readPolledSource(database.pipeline, deps.keyRing, { tenantId, source }),
      alerts: pollAlerts(deps),
      onPolled(_, { connector, missedByWebhook }) {
        if (missedByWebhook > 0) metrics.missedByWebhook.inc({ connector }, missedByWebhook);
      },
      onTrouble: (error) => log.warn({ err: error }, "a poll failed; it is retried"),
    }),
    refreshLimits: sharedLimits.refresh,
    monotonicMs: () => performance.now(),
    onFree: () => loops.wake("polls"),
    onUnavailable: (error) => faults.note({ what: "polls", ...describeFault(error) }, error),
    onError: (error) => log.error({ err: error }, "a poll failed with an unexpected error"),
    onPolled(poll, outcome) {
      const { status, created, updated, deleted, restored } = outcome;
      metrics.polls.inc({ status });
      metrics.pollLagSeconds.observe(poll.lateMs / 1_000);
      if (status === "ok" && created + updated + deleted + restored === 0) metrics.emptyPolls.inc();
      log.debug(
        { tenant_id: poll.tenantId, source: poll.source, poll_id: poll.pollId, status, error: outcome.error },
        "poll finished",
      );
    },
  });
  loops.add(
    "poll schedule",
    createScheduleWatch({
      database: database.pipeline,
      redis,
      keys,
      now,
      bounds: { ...bounds.pollSchedule, maxPerTenant },
      onDue: () => loops.wake("polls"),
      onRebuilt(sources) {
        metrics.pollsRescheduled.inc(sources);
        log.warn({ sources }, "Redis lost the schedule of polls; building it again");
      },
    }),
  );
  loops.add("polls", poller.step);
  loops.add("poll leases", poller.heartbeat);
  loops.add("poll limits", poller.followLimits);
  loops.add("poll demand", async () => {
    turns.adopt(await sumDemand(database.pipeline));
    return { waitMs: bounds.pollDemand.intervalMs };
  });
  loops.add("polls due", async () => {
    const { due, oldestMs } = await measureDue(database.pipeline, bounds.pollDemand.maxDue);
    metrics.pollsDue.set(due);
    metrics.pollOldestDueSeconds.set(oldestMs / 1_000);
    return { waitMs: bounds.pollDemand.dueIntervalMs };
  });
  return {
    dispatch,
    async drain() {
      await Promise.race([poller.drained(), delay(bounds.drainMs.polls, { ref: false })]);
      await poller.handBack();
    },
  };
}

function composeFetching({ database, keyRing, outgoing, bounds, log, codeSources }: PollingDeps) {
  const named = ({ tenantId, source }: PolledSource) => ({ tenant_id: tenantId, source });
  return createFetchPages({
    outgoing,
    clock: systemClock,
    sources: codeSources,
    bounds: bounds.fetch,
    openLog: (source) => ({
      info: (message, fields) => log.info({ ...named(source), fields }, message),
      warn: (message, fields) => log.warn({ ...named(source), fields }, message),
      error: (message, fields) => log.error({ ...named(source), fields }, message),
    }),
    async saveCredentials(source, credentials) {
      const sealed = keyRing.seal(JSON.stringify(credentials), credentialsAad(source));
      await renewCredentials(database.pipeline, source, sealed);
    },
    onError: (error, source) =>
      log.error({ err: error, ...named(source) }, "cannot read the pages of a source"),
  });
}

/** Opens and resolves the alerts of polls. */
function pollAlerts({ database, metrics }: PollingDeps): PollAlerts {
  return {
    async open(alert) {
      if (alert.kind === "poll.state_lost") metrics.pollStatesLost.inc();
      await openAlerts(database.pipeline, [alert]);
    },
    async resolve(alert) {
      await resolveAlerts(database.pipeline, [alert]);
    },
  };
}
