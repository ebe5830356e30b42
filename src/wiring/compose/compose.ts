import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { CallHandler } from "../../domain/flow/handler-call.ts";
import type { RunDispatch } from "../../http/runs/run-actions.ts";
import type { PollDispatch } from "../../http/sources/polls.ts";
import { createPartitionStep } from "../../maintain/partitions.ts";
import { createSweeper } from "../../pipeline/execute/sweeper.ts";
import { createRedisLossWatch } from "../../pipeline/fanout/redis-loss.ts";
import { createRelay } from "../../pipeline/fanout/relay.ts";
import { createNormalizer } from "../../pipeline/normalize/normalizer.ts";
import { createBackfill } from "../../pipeline/route/backfill.ts";
import { createDeployedFlows } from "../../pipeline/route/deployed-flows.ts";
import { createRouter, createTakeOver, type RoutedCounts } from "../../pipeline/route/router.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { createNotifier, listenForEvents } from "../../postgres/core/wake-up.ts";
import { createEventsAtHand } from "../../postgres/events/events-at-hand.ts";
import { connectRedis, type RedisClient, type RedisUse, whenReady } from "../../redis/client.ts";
import { type JobQueues, jobsOf, openJobQueues } from "../../redis/job-queue.ts";
import { redisKeys } from "../../redis/keys.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { OutgoingHttp } from "../../runtime/outgoing/index.ts";
import { createTicker } from "../../schedule/ticker.ts";
import type { CodePagesDeps } from "../../synthetic/fetch/code-pages.ts";
import type { Bounds } from "../bounds.ts";
import type { Role } from "../config.ts";
import type { FaultLog } from "../health/fault-log.ts";
import { describeFault } from "../health/unavailable.ts";
import { createLoops, type Loops } from "../loops.ts";
import type { Metrics } from "../metrics.ts";
import { composeDeadLetters } from "./compose-dead-letters.ts";
import { composeExecuting } from "./compose-executing.ts";
import { composeMaintaining } from "./compose-maintaining.ts";
import { composePolling, POLL_LOOPS } from "./compose-polling.ts";
import { composeReceiving, type Receiving } from "./compose-receiving.ts";

export interface PipelineDeps {
  roles: ReadonlySet<Role>;
  bounds: Bounds;
  database: Database;
  /** For LISTEN, which cannot go through a pooler. */
  listenUrl: string;
  redisUrl: string;
  /** Whether the one Redis that the URL names is a node of a cluster. */
  isRedisClusterNode?: boolean;
  /** Which installation the database is; every Redis key carries it. */
  installation: string;
  keyRing: KeyRing;
  handlers: { get(id: string): CallHandler | undefined };
  codeSources: CodePagesDeps["sources"];
  outgoing: OutgoingHttp;
  metrics: Metrics;
  log: Logger;
  /** For faults that may come in great numbers. */
  faults: FaultLog;
}

/** The stages that this process runs, wired. */
export interface Pipeline {
  receiving: Receiving;
  queues: JobQueues;
  /** For runs that the API makes, and polls that it asks for. */
  dispatch: RunDispatch;
  pollDispatch: PollDispatch;
  redis: RedisClient;
  redisProbeKey: string;
  loops: Loops;
  /** Undefined until a router has loaded the deployed flows. */
  readonly flowsReady: boolean;
  start(): Promise<void>;
  /** Stops the stages in the order of the pipeline; runs in hand may end within the drain time, or are handed back. */
  stop(): Promise<void>;
}

export function composePipeline(deps: PipelineDeps): Pipeline {
  const { roles, bounds, database, metrics, log, faults } = deps;
  const keys = redisKeys(deps.installation);
  const onRedisError = (error: Error) =>
    faults.note({ what: "Redis", cause: "redis", text: "a connection or a command failed" }, error);
  const connect = (use: RedisUse) =>
    connectRedis(
      {
        url: deps.redisUrl,
        isClusterNode: deps.isRedisClusterNode ?? false,
        ...bounds.redis,
        onError: onRedisError,
      },
      use,
    );
  const redis = connect("request");
  const queueConnection = connect("jobs");
  const queues = openJobQueues(queueConnection, keys, onRedisError);
  const { now } = systemClock;
  const loops = createLoops({ metrics, log });

  // 1 Receive, 2 Outbox.
  const notify = createNotifier(database.pipeline, bounds.notifyIntervalMs);
  const onNewEvents = (events: number) => {
    metrics.accepted.inc(events);
    if (relayLoop === undefined) notify();
    else relayLoop.wake();
  };
  const receiving = composeReceiving({
    ...{ ...deps, redis, keys, loops },
    leaseMs: (lanes) => relay?.offer(lanes) ?? 0,
    onCommitted(events, claimed) {
      if (!claimed) return onNewEvents(events.length);
      metrics.accepted.inc(events.length);
      relay?.publish(events);
    },
  });

  // 3 Fan-out: due outbox rows are claimed and their ids published.
  const relay = roles.has("relay")
    ? createRelay({
        ...{ database: database.pipeline, redis, keys, queues, bounds: bounds.relay, now },
        onPublished: (events) => metrics.published.inc(events),
        onError: onRedisError,
      })
    : undefined;
  const relayLoop = relay && loops.add("relay", relay.step);
  const sweeper = roles.has("execute")
    ? loops.add(
        "sweeper",
        createSweeper({
          database: database.pipeline,
          queues,
          bounds: bounds.sweep,
          random: Math.random,
          onSwept(runs) {
            metrics.swept.inc(runs.length);
            admission?.note(runs);
          },
          onLost(attempts) {
            metrics.attempts.inc({ state: "dead" }, attempts.length);
            for (const { id } of attempts) log.error({ run_id: id }, "a run ended every worker that it had");
          },
        }),
      )
    : undefined;
  if (relayLoop !== undefined) {
    loops.add(
      "redis watch",
      createRedisLossWatch({
        database: database.pipeline,
        redis,
        keys,
        intervalMs: bounds.redisWatchMs,
        onLoss(released) {
          metrics.redisLosses.inc();
          if (released.events + released.runs > 0) {
            log.warn(released, "redis lost what was published: it is published again");
          }
          relayLoop.wake();
          sweeper?.wake();
        },
      }),
    );
  }
  let listener: ReturnType<typeof listenForEvents> | undefined;

  // Events are read once for both stages that follow, where both are here.
  const { maxBytes, keptMs } = bounds.eventsAtHand;
  const events = createEventsAtHand(
    database.pipeline,
    // Nobody here takes them where no runs are executed.
    { maxBytes: roles.has("execute") ? maxBytes : 0, keptMs },
    () => performance.now(),
  );
  const normalizer = createNormalizer();

  // 6 Execute: runs are claimed, carried out and finished.
  // A job that is lost is made again by the sweeper.
  const queueRuns = (runs: Parameters<typeof jobsOf>[0]) =>
    void queues.add(jobsOf(runs, bounds.sweep.maxRunsPerJob)).catch(onRedisError);
  const { held, workers, runsHere, admission, release } = composeExecuting({
    ...{
      ...deps,
      events,
      normalize: normalizer.toRun,
      redis,
      connect,
      keys,
      queues,
      loops,
      queueRuns,
      onRedisError,
    },
    wakeSweeper: () => sweeper?.wake(),
  });

  // 4 Normalize, 5 Route: ids are read, events matched, runs made.
  const flows = createDeployedFlows(database.pipeline);
  const blocking = roles.has("route") ? connect("blocking") : undefined;
  if (blocking !== undefined) {
    const router = {
      database: database.pipeline,
      events,
      redis,
      blocking,
      keys,
      queues,
      runsHere,
      flows,
      normalize: normalizer.toRoute,
      consumer: `${hostname()}.${process.pid}.${randomBytes(4).toString("hex")}`,
      bounds: bounds.route,
      now,
      random: Math.random,
      onRouted(counts: RoutedCounts) {
        for (const verdict of ["routed", "unmatched", "dead"] as const)
          metrics.routed.inc({ verdict }, counts[verdict]);
        metrics.dropped.inc(counts.dropped);
        metrics.runsCreated.inc(counts.runs);
      },
    };
    loops.add("router", createRouter(router));
    loops.add("take-over", createTakeOver(router));
    loops.add(
      "backfill",
      createBackfill({
        ...{ database, bounds: bounds.backfill, now },
        onRuns(runs) {
          metrics.runsCreated.inc(runs);
          sweeper?.wake();
        },
      }),
    );
  }

  const dispatch: RunDispatch = { leaseMs: bounds.sweep.runLeaseMs, queue: queueRuns };

  // Beside the six.
  composeDeadLetters({ ...deps, loops, dispatch });
  if (roles.has("schedule")) {
    loops.add(
      "schedule",
      createTicker({
        database,
        bounds: bounds.schedule,
        onTicked: onNewEvents,
        onEnded: ({ tenantId, flowId }) =>
          log.warn({ tenant_id: tenantId, flow: flowId }, "a schedule has no next tick: it has ended"),
      }),
    );
  }
  const polling = composePolling({ ...deps, redis, keys, loops, onNewEvents });
  loops.add(
    "partitions",
    createPartitionStep({
      database: database.pipeline,
      ...bounds.partitions,
      onMade: (partitions) => log.info({ partitions }, "partitions made"),
    }),
  );
  if (roles.has("maintain")) composeMaintaining({ ...deps, loops });

  return {
    receiving,
    queues,
    dispatch,
    pollDispatch: polling.dispatch,
    redis,
    redisProbeKey: keys.probe,
    loops,
    get flowsReady() {
      return flows.counter > 0;
    },
    async start() {
      await whenReady(redis, bounds.redis.connectTimeoutMs);
      loops.start();
      workers?.start();
      if (relayLoop === undefined) return;
      listener = listenForEvents({
        url: deps.listenUrl,
        onEvents: () => relayLoop.wake(),
        onError: (error) => faults.note({ what: "the listening connection", ...describeFault(error) }, error),
        retryMs: 1_000,
      });
    },
    async stop() {
      await listener?.stop();
      await loops.stop(["schedule", ...POLL_LOOPS]);
      await polling.drain();
      await loops.stop(["relay", "redis watch", "router", "take-over", "sweeper"]);
      blocking?.disconnect();
      admission?.stop();
      const closing = Promise.all([workers?.stop(), runsHere?.emptied(), admission?.emptied()]);
      await Promise.race([held.emptied(), delay(bounds.drainMs.runs)]);
      await held.handBack();
      await Promise.race([closing, delay(1_000)]);
      await loops.stop();
      await Promise.race([Promise.all([queues.close(), release()]), delay(500)]);
      queueConnection.disconnect();
      redis.disconnect();
    },
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
