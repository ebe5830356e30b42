import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import type { FastPath } from "../../pipeline/fast-path/fast-path.ts";
import { createBackfill } from "../../pipeline/route/backfill.ts";
import { createDeployedFlows } from "../../pipeline/route/deployed-flows.ts";
import { createRouter, createTakeOver, type RouterDeps } from "../../pipeline/route/router.ts";
import type { RedisClient, RedisUse } from "../../redis/client.ts";
import type { JobQueues } from "../../redis/job-queue.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { systemClock } from "../../runtime/clock.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** Stages 4 and 5 of a process, wired. */
export interface Routing {
  /** False until the deployed flows are loaded. */
  readonly flowsReady: boolean;
  /** Ends reads that wait for events. To be called once the loops are stopped. */
  disconnect(): void;
}

export interface RoutingDeps extends Pick<PipelineDeps, "roles" | "bounds" | "database" | "metrics"> {
  redis: RedisClient;
  connect: (use: RedisUse) => RedisClient;
  keys: RedisKeys;
  queues: JobQueues;
  loops: Loops;
  fastPath: FastPath;
}

/** Wires routing: ids are read from the streams, events normalized and matched, runs created. */
export function composeRouting(deps: RoutingDeps): Routing {
  const { roles, bounds, database, metrics, redis, keys, queues, loops, fastPath } = deps;
  if (!roles.has("route")) return { flowsReady: false, disconnect() {} };
  const { now } = systemClock;
  const flows = createDeployedFlows(database.pipeline);
  const blocking = deps.connect("blocking");
  const router: RouterDeps = {
    database: database.pipeline,
    redis,
    blocking,
    keys,
    queues,
    fastPath,
    flows,
    consumer: `${hostname()}.${process.pid}.${randomBytes(4).toString("hex")}`,
    bounds: bounds.route,
    now,
    random: Math.random,
    onRouted(counts) {
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
      database,
      bounds: bounds.backfill,
      now,
      onRuns(runs) {
        metrics.runsCreated.inc(runs);
        loops.wake("sweeper");
      },
    }),
  );
  return {
    get flowsReady() {
      return flows.counter > 0;
    },
    disconnect: () => blocking.disconnect(),
  };
}
