import { createSlotPool } from "../../pipeline/execute/slots/slot-pool.ts";
import type { LaneRoom } from "../../pipeline/fanout/lane-room.ts";
import { createAcceptClaims } from "../../pipeline/fast-path/accept-claims.ts";
import type { FastPath } from "../../pipeline/fast-path/fast-path.ts";
import { createLocalRuns } from "../../pipeline/fast-path/local-runs.ts";
import { createRoutedEvents } from "../../pipeline/fast-path/routed-events.ts";
import type { RedisClient } from "../../redis/client.ts";
import { publishEvents } from "../../redis/event-stream.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import type { PipelineDeps } from "./compose.ts";

/** The shortcuts of a process: none, those that go through BullMQ, or also local runs, which do not. */
export type FastPathMode = "off" | "on" | "with-local-runs";

/** Creates the shortcuts between the stages that this process runs. */
export function composeFastPath(
  deps: Pick<PipelineDeps, "roles" | "bounds" | "fastPath" | "metrics" | "log"> & {
    redis: RedisClient;
    keys: RedisKeys;
    room: LaneRoom;
    onRedisError: (error: Error) => void;
  },
): FastPath {
  const { roles, bounds, metrics, log, redis, keys, room, onRedisError } = deps;
  const isOn = deps.fastPath !== "off";
  const routesAndExecutes = roles.has("route") && roles.has("execute");
  return {
    acceptClaims:
      isOn && roles.has("relay")
        ? createAcceptClaims({
            room,
            leaseMs: bounds.relay.leaseMs,
            publish: (events) => publishEvents(redis, keys, events),
            onPublished: (events) => metrics.published.inc(events),
            onError: onRedisError,
          })
        : undefined,
    routedEvents:
      isOn && routesAndExecutes
        ? createRoutedEvents(bounds.fastPath.routedEvents, () => performance.now())
        : undefined,
    localRuns:
      deps.fastPath === "with-local-runs" && routesAndExecutes
        ? createLocalRuns({
            pool: createSlotPool(bounds.fastPath.maxLocalRuns),
            leaseMs: bounds.execute.leaseMs,
            onError: (error) =>
              log.warn({ err: error }, "local runs could not start; the sweeper queues them"),
          })
        : undefined,
  };
}
