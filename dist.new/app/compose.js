import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { createExpiredKeysStep } from "../maintain/expired-keys.js";
import { createPartitionStep } from "../maintain/partitions.js";
import { createCodeAction } from "../pipeline/execute/code-action.js";
import { createExecutor } from "../pipeline/execute/executor.js";
import { createFlowVersions } from "../pipeline/execute/flow-versions.js";
import { createHeldRuns } from "../pipeline/execute/held-runs.js";
import { createHttpAction } from "../pipeline/execute/http-action.js";
import { createSweeper } from "../pipeline/execute/sweeper.js";
import { createWorkers } from "../pipeline/execute/workers.js";
import { createRedisLossWatch } from "../pipeline/fanout/redis-loss.js";
import { createRelay } from "../pipeline/fanout/relay.js";
import { normalize } from "../pipeline/normalize/normalize.js";
import { createAcceptor } from "../pipeline/receive/acceptor.js";
import { createEndpointCache } from "../pipeline/receive/endpoint-cache.js";
import { createReceiver } from "../pipeline/receive/receiver.js";
import { createDeployedFlows } from "../pipeline/route/deployed-flows.js";
import { createRouter, createTakeOver } from "../pipeline/route/router.js";
import { readCounter } from "../postgres/change-counters.js";
import { createNotifier, listenForEvents } from "../postgres/wake-up.js";
import { connectRedis } from "../redis/client.js";
import { openJobQueues } from "../redis/job-queue.js";
import { redisKeys } from "../redis/keys.js";
import { findSeen, markSeen } from "../redis/seen.js";
import { Batcher } from "../runtime/batcher.js";
import { createLoops } from "./loops.js";
export function composePipeline(deps) {
    const { roles, limits, database, keyRing, metrics, log } = deps;
    const keys = redisKeys(deps.installation);
    const onRedisError = (error) => log.debug({ err: error }, "redis connection");
    const connect = (use) => connectRedis({ url: deps.redisUrl, ...limits.redis, onError: onRedisError }, use);
    const redis = connect("request");
    const queueConnection = connect("jobs");
    const queues = openJobQueues(queueConnection, keys, onRedisError);
    const now = Date.now;
    const loops = createLoops({ metrics, log });
    // 1 Receive, 2 Outbox: a delivery is committed with its outbox row.
    const notify = createNotifier(database.pipeline, limits.notifyIntervalMs);
    const acceptor = createAcceptor({
        database: database.ingest,
        limits: limits.accept,
        onAccepted(events) {
            metrics.accepted.inc(events);
            if (relay === undefined)
                notify();
            else
                relay.wake();
        },
    });
    const counterReads = new Batcher(async (callers) => {
        const counter = await readCounter(database.ingest, "receive");
        return callers.map(() => counter);
    }, { maxItems: 10_000, inFlight: 1, maxWaiting: 10_000, full: () => new Error("Too many deliveries wait") });
    const receive = createReceiver({
        endpoints: createEndpointCache({ database: database.ingest, keyRing, maxEndpoints: limits.maxEndpoints }),
        acceptor,
        hints: {
            find: (digest) => findSeen(redis, keys, digest),
            mark: (seen) => markSeen(redis, keys, { ...seen, ttlSeconds: limits.seenSeconds }),
        },
        readCounter: () => counterReads.add(),
        now,
    });
    // 3 Fan-out: due outbox rows are claimed and their ids published.
    const relay = roles.has("relay")
        ? loops.add("relay", createRelay({
            database: database.pipeline,
            redis,
            keys,
            queues,
            limits: limits.relay,
            now,
            onPublished: (events) => metrics.published.inc(events),
        }))
        : undefined;
    const sweeper = roles.has("execute")
        ? loops.add("sweeper", createSweeper({
            database: database.pipeline,
            queues,
            limits: limits.sweep,
            onSwept: (runs) => metrics.swept.inc(runs),
        }))
        : undefined;
    if (relay !== undefined) {
        loops.add("redis watch", createRedisLossWatch({
            database: database.pipeline,
            redis,
            keys,
            intervalMs: limits.redisWatchMs,
            onLoss(released) {
                metrics.redisLosses.inc();
                log.warn(released, "redis lost what was published: it is published again");
                relay.wake();
                sweeper?.wake();
            },
        }));
    }
    let listener;
    // 4 Normalize, 5 Route: ids are read, events matched, runs made.
    const flows = createDeployedFlows(database.pipeline);
    const blocking = roles.has("route") ? connect("blocking") : undefined;
    if (blocking !== undefined) {
        const router = {
            database: database.pipeline,
            redis,
            blocking,
            keys,
            queues,
            flows,
            normalize,
            consumer: `${hostname()}.${process.pid}.${randomBytes(4).toString("hex")}`,
            limits: limits.route,
            onRouted(counts) {
                for (const verdict of ["routed", "unmatched", "dead"])
                    metrics.routed.inc({ verdict }, counts[verdict]);
                metrics.runsCreated.inc(counts.runs);
            },
        };
        loops.add("router", createRouter(router));
        loops.add("take-over", createTakeOver(router));
    }
    // 6 Execute: runs are claimed, carried out and finished.
    const held = createHeldRuns(database.pipeline, limits.execute);
    const execute = createExecutor({
        database: database.pipeline,
        flows: createFlowVersions(database.pipeline, keyRing, limits.execute.maxFlowVersions),
        held,
        normalize,
        actions: {
            http: createHttpAction({ outgoing: deps.outgoing, clock: { now } }),
            code: createCodeAction({
                handlers: deps.handlers,
                timeoutMs: limits.execute.codeTimeoutMs,
                logFor: (run) => log.child({ tenant_id: run.tenantId, flow: run.flowId, run_id: run.runId }),
            }),
        },
        limits: limits.execute,
        random: Math.random,
        monotonicMs: () => performance.now(),
        onFinished(attempt, run) {
            const { state, durationMs, errorCode } = attempt;
            metrics.attempts.inc({ state });
            metrics.attemptSeconds.observe({ state }, durationMs / 1_000);
            if (state === "failed")
                sweeper?.wake();
            log.debug({
                tenant_id: run.tenantId,
                flow: run.flowId,
                run_id: run.id,
                event_id: run.eventId,
                state,
                error: errorCode,
                durationMs,
            }, "attempt finished");
        },
    });
    const workers = roles.has("execute")
        ? createWorkers({
            connect: () => connect("jobs"),
            keys,
            execute,
            limits: limits.workers,
            onError: onRedisError,
        })
        : undefined;
    if (workers !== undefined)
        loops.add("heartbeat", held.heartbeat);
    // Beside the six.
    if (roles.has("maintain")) {
        loops.add("partitions", createPartitionStep({
            database: database.pipeline,
            ...limits.partitions,
            onMade: (partitions) => log.info({ partitions }, "partitions made"),
        }));
        loops.add("expired keys", createExpiredKeysStep({ database: database.pipeline, ...limits.expiredKeys }));
    }
    return {
        acceptor,
        receive,
        redis,
        loops,
        get flowsReady() {
            return flows.counter > 0;
        },
        start() {
            loops.start();
            workers?.start();
            if (relay === undefined)
                return;
            listener = listenForEvents({
                url: deps.listenUrl,
                onEvents: () => relay.wake(),
                onError: (error) => log.debug({ err: error }, "listening connection"),
                retryMs: 1_000,
            });
        },
        async stop() {
            await listener?.stop();
            await loops.stop(["relay", "redis watch", "router", "take-over", "sweeper"]);
            blocking?.disconnect();
            const closing = workers?.stop();
            await Promise.race([held.emptied(), delay(limits.drainMs.runs)]);
            await held.handBack();
            await Promise.race([closing, delay(1_000)]);
            await loops.stop();
            await Promise.race([queues.close(), delay(500)]);
            queueConnection.disconnect();
            redis.disconnect();
        },
    };
}
function delay(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
//# sourceMappingURL=compose.js.map