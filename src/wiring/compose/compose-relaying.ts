import type { LaneRoom } from "../../pipeline/fanout/lane-room.ts";
import { createRedisLossWatch } from "../../pipeline/fanout/redis-loss.ts";
import { createRelay } from "../../pipeline/fanout/relay.ts";
import { listenForEvents } from "../../postgres/core/wake-up.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { describeFault } from "../health/unavailable.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** Stage 3 of a process, wired. */
export interface Relaying {
  /** Listens for events that other processes accept. */
  start(): void;
  stopListening(): Promise<void>;
}

export interface RelayingDeps
  extends Pick<PipelineDeps, "roles" | "bounds" | "database" | "listenUrl" | "metrics" | "log" | "faults"> {
  redis: RedisClient;
  keys: RedisKeys;
  room: LaneRoom;
  loops: Loops;
}

/** Wires fan-out: the relay, and the watch that publishes again after Redis has lost its data. */
export function composeRelaying(deps: RelayingDeps): Relaying {
  const { roles, bounds, metrics, log, faults, redis, keys, room, loops } = deps;
  if (!roles.has("relay")) return { start() {}, stopListening: async () => {} };
  const database = deps.database.pipeline;
  const relay = loops.add(
    "relay",
    createRelay({
      database,
      redis,
      keys,
      room,
      bounds: bounds.relay,
      onPublished: (events) => metrics.published.inc(events),
    }),
  );
  loops.add(
    "redis watch",
    createRedisLossWatch({
      database,
      redis,
      keys,
      intervalMs: bounds.redisWatchMs,
      onLoss(released) {
        metrics.redisLosses.inc();
        if (released.events + released.runs > 0) {
          log.warn(released, "Redis lost published events or runs; publishing them again");
        }
        relay.wake();
        loops.wake("sweeper");
      },
    }),
  );
  let listener: ReturnType<typeof listenForEvents> | undefined;
  return {
    start() {
      listener = listenForEvents({
        url: deps.listenUrl,
        onEvents: () => relay.wake(),
        onError: (error) => faults.note({ what: "the listening connection", ...describeFault(error) }, error),
        retryMs: 1_000,
      });
    },
    async stopListening() {
      await listener?.stop();
    },
  };
}
