import type { CallHandler } from "../../domain/flow/handler-call.ts";
import type { RunDispatch } from "../../http/runs/run-actions.ts";
import type { PollDispatch } from "../../http/sources/polls.ts";
import { createPartitionStep } from "../../maintain/partitions.ts";
import { createLaneRoom } from "../../pipeline/fanout/lane-room.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { createNotifier } from "../../postgres/core/wake-up.ts";
import { connectRedis, type RedisClient, type RedisUse, whenReady } from "../../redis/client.ts";
import { type JobQueues, jobsOf, openJobQueues } from "../../redis/job-queue.ts";
import { redisKeys } from "../../redis/keys.ts";
import { systemClock } from "../../runtime/clock.ts";
import { delay } from "../../runtime/delay.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { OutgoingHttp } from "../../runtime/outgoing/index.ts";
import { createTicker } from "../../schedule/ticker.ts";
import type { CodePagesDeps } from "../../synthetic/fetch/code-pages.ts";
import type { Bounds } from "../bounds.ts";
import type { Role } from "../config.ts";
import type { FaultLog } from "../health/fault-log.ts";
import { createLoops, type Loops } from "../loops.ts";
import type { Metrics } from "../metrics.ts";
import { composeDeadLetters } from "./compose-dead-letters.ts";
import { composeExecuting } from "./compose-executing.ts";
import { composeFastPath, type FastPathMode } from "./compose-fast-path.ts";
import { composeMaintaining } from "./compose-maintaining.ts";
import { composePolling, POLL_LOOPS } from "./compose-polling.ts";
import { composeReceiving, type Receiving } from "./compose-receiving.ts";
import { composeRelaying } from "./compose-relaying.ts";
import { composeRouting } from "./compose-routing.ts";

export interface PipelineDeps {
  roles: ReadonlySet<Role>;
  bounds: Bounds;
  fastPath: FastPathMode;
  database: Database;
  /** For LISTEN, which a pooler does not pass on. */
  listenUrl: string;
  redisUrl: string;
  /** True if `redisUrl` names a single node of a cluster. */
  isRedisClusterNode?: boolean;
  /** The database's identity; part of every Redis key. */
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
  /** For runs that the API creates. */
  dispatch: RunDispatch;
  /** For polls that the API requests. */
  pollDispatch: PollDispatch;
  redis: RedisClient;
  redisProbeKey: string;
  loops: Loops;
  /** False until a router has loaded the deployed flows. */
  readonly flowsReady: boolean;
  start(): Promise<void>;
  /** Stops the stages in the order of the pipeline. Runs under way may end within the drain time, or are requeued. */
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
  const loops = createLoops({ metrics, log });
  const room = createLaneRoom({ redis, keys, queues, bounds: bounds.relay, now: systemClock.now });
  const fastPath = composeFastPath({ ...deps, redis, keys, room, onRedisError });
  const wakeRelay = roles.has("relay")
    ? () => loops.wake("relay")
    : createNotifier(database.pipeline, bounds.notifyIntervalMs);
  // The sweeper adds a job again that is lost here.
  const queueRuns: RunDispatch["queue"] = (runs) =>
    void queues.add(jobsOf(runs, bounds.sweep.maxRunsPerJob)).catch(onRedisError);

  const receiving = composeReceiving({ ...deps, redis, keys, loops, fastPath, onDue: wakeRelay });
  const relaying = composeRelaying({ ...deps, redis, keys, room, loops });
  const routing = composeRouting({ ...deps, redis, connect, keys, queues, loops, fastPath });
  const executing = composeExecuting({
    ...deps,
    redis,
    connect,
    keys,
    queues,
    loops,
    fastPath,
    queueRuns,
    onRedisError,
  });

  const dispatch: RunDispatch = { leaseMs: bounds.sweep.runLeaseMs, queue: queueRuns };
  const onNewEvents = (events: number) => {
    metrics.accepted.inc(events);
    wakeRelay();
  };
  composeDeadLetters({ ...deps, loops, dispatch });
  if (roles.has("schedule")) {
    loops.add(
      "schedule",
      createTicker({
        database,
        bounds: bounds.schedule,
        onTicked: onNewEvents,
        onEnded: ({ tenantId, flowId }) =>
          log.warn({ tenant_id: tenantId, flow: flowId }, "a schedule has no next tick and has ended"),
      }),
    );
  }
  const polling = composePolling({ ...deps, redis, keys, loops, onNewEvents });
  loops.add(
    "partitions",
    createPartitionStep({
      database: database.pipeline,
      ...bounds.partitions,
      onMade: (partitions) => log.info({ partitions }, "partitions created"),
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
      return routing.flowsReady;
    },
    async start() {
      await whenReady(redis, bounds.redis.connectTimeoutMs);
      loops.start();
      executing.start();
      relaying.start();
    },
    async stop() {
      await relaying.stopListening();
      await loops.stop(["schedule", ...POLL_LOOPS]);
      await polling.drain();
      await loops.stop(["relay", "redis watch", "router", "take-over", "sweeper"]);
      routing.disconnect();
      await executing.drain();
      await loops.stop();
      await Promise.race([
        Promise.all([queues.close(), executing.releasePermits()]),
        delay(500, { ref: false }),
      ]);
      queueConnection.disconnect();
      redis.disconnect();
    },
  };
}
