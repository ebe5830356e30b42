import { createRequire } from "node:module";
import { DEMO_ORDERS_PATH, DEMO_SINK_PATH } from "../demo/demo.ts";
import { hostStart } from "../flow-host/host-start.ts";
import { loadCodeFlows } from "../flows-folder/code-flows.ts";
import { createKeyUse } from "../http/access/key-use.ts";
import { webhookRoutes } from "../http/events/webhooks.ts";
import { demoOrders } from "../http/pages/demo-orders.ts";
import { demoSink } from "../http/pages/demo-sink.ts";
import type { ServerPhase } from "../http/server/connection-end.ts";
import { createHealthServer } from "../http/server/health-server.ts";
import { createHttpServer } from "../http/server/server.ts";
import { checkActionHeaders } from "../pipeline/execute/actions/http-action.ts";
import { ensureAdminKey } from "../postgres/access/api-keys.ts";
import { type Database, openDatabase } from "../postgres/core/database.ts";
import { createKeyRing } from "../postgres/core/key-ring.ts";
import { delay } from "../runtime/delay.ts";
import { keepNewObjectsYoung, setHeapGrowth } from "../runtime/heap.ts";
import type { Logger } from "../runtime/logger.ts";
import { createOutgoingHttp, createTargetRules } from "../runtime/outgoing/index.ts";
import { type Bounds, DEFAULT_BOUNDS } from "./bounds.ts";
import { composePipeline } from "./compose/compose.ts";
import type { Config } from "./config.ts";
import { createEncryptionKeys } from "./encryption/encryption-keys.ts";
import { createAnswerWatch } from "./health/answer-watch.ts";
import { createFaultLog } from "./health/fault-log.ts";
import { createReadiness } from "./health/readiness.ts";
import { createUnavailableWatch, describeFault } from "./health/unavailable.ts";
import { listen } from "./listen.ts";
import { createMetrics } from "./metrics.ts";
import { checkPooling, migrateStores, warnOfUnboundUsers } from "./prepare-postgres.ts";
import { type ProvidedStores, provideStores } from "./provide-stores.ts";
import { readInstallation, waitForStores } from "./stores.ts";

/** A serving process. */
export interface Running {
  /** The URL that it listens at, with the actual port. */
  url: string;
  /** The stores and keys that it uses. */
  stores: ProvidedStores;
  /** The open database, for tests. */
  database: Database;
  /**
   * Drains in the order of the pipeline, then stops the embedded stores. With a notice it first serves with red readiness
   * for `ms`, or until the signal of the notice aborts. May be called twice.
   */
  stop(notice?: { ms: number; signal: AbortSignal }): Promise<void>;
}

/**
 * Starts a process: provides its stores, migrates them and serves. `signal` ends a start that waits for stores. Throws
 * `invalid_setting`, `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function start(
  config: Config,
  log: Logger,
  signal: AbortSignal,
  bounds: Bounds = DEFAULT_BOUNDS,
): Promise<Running> {
  const { events, polls } = bounds.heapGrowthPercent;
  if ((["receive", "route", "execute"] as const).some((role) => config.roles.has(role))) {
    setHeapGrowth(events);
    keepNewObjectsYoung();
  } else if (config.roles.has("poll")) setHeapGrowth(polls);
  const stores = await provideStores(config, log);
  try {
    return await serve(config, stores, log, signal, bounds);
  } catch (error) {
    await stores.stopStores();
    throw error;
  }
}

async function serve(
  config: Config,
  stores: ProvidedStores,
  log: Logger,
  signal: AbortSignal,
  bounds: Bounds,
): Promise<Running> {
  const { redisUrl } = stores;
  const { databaseUrl, ownerUrl, isRedisClusterNode } = await prepareStores(
    config,
    stores,
    log,
    signal,
    bounds,
  );
  const keyRing = createKeyRing(stores.encryptionKeys);
  const metrics = createMetrics();
  const faults = createFaultLog({ log, ...bounds.faultLog });
  const database = openDatabase({
    url: databaseUrl,
    ...bounds.postgres,
    preparedStatements: config.preparedStatements,
    onError: (error) => faults.note({ what: "a connection to PostgreSQL", ...describeFault(error) }, error),
  });
  if (await ensureAdminKey(database, stores.adminKey)) {
    log.info("HEADRACE_ADMIN_KEY replaced the earlier admin key of this setting");
  }
  const keyUse = createKeyUse(database.pipeline, bounds.keyUse, () => performance.now());
  const opensSecrets = (["api", "receive", "execute", "poll"] as const).some((role) =>
    config.roles.has(role),
  );
  const encryptionKeys = opensSecrets
    ? createEncryptionKeys({ database: database.pipeline, keyRing, bounds: bounds.encryptionKeys, log })
    : undefined;
  await encryptionKeys?.step(signal);
  const codeFlows =
    config.roles.has("execute") || config.roles.has("poll")
      ? await loadCodeFlows({
          folder: config.flowsDir,
          log,
          hosts: config.flowHosts,
          bounds: bounds.flowHosts,
          start: hostStart(config, process.env, log),
          intervalMs: bounds.reloadMs,
          onHostEnd: (code) => metrics.flowHostEnds.inc({ code }),
        })
      : undefined;
  const { allowPrivateTargets: allowPrivate = [] } = config;
  const ownTargets = new Set<string>();
  const outgoing = createOutgoingHttp({
    allowPrivate,
    ownTargets,
    onRefused: (host, range) =>
      faults.note(
        {
          what: "outgoing calls",
          cause: range,
          text: "a target at an address that is not public was refused",
        },
        new Error(host),
      ),
  });
  const pipeline = composePipeline({
    roles: config.roles,
    bounds,
    fastPath: config.localRuns ? "with-local-runs" : "on",
    database,
    listenUrl: ownerUrl,
    redisUrl,
    isRedisClusterNode,
    installation: await readInstallation(database.pipeline),
    keyRing,
    handlers: codeFlows ?? NO_HANDLERS,
    codeSources: codeFlows?.sources ?? NO_HANDLERS,
    outgoing,
    metrics,
    log,
    faults,
  });
  if (codeFlows !== undefined) pipeline.loops.add("flow hosts", codeFlows.watch);
  if (codeFlows !== undefined && config.reloadFlows) pipeline.loops.add("flows folder", codeFlows.reload);
  if (config.roles.has("api")) pipeline.loops.add("key use", keyUse.step);
  if (encryptionKeys !== undefined) pipeline.loops.add("encryption keys", encryptionKeys.step);
  let notServing: string | undefined = "starting";
  let phase: ServerPhase = "open";
  const readiness = createReadiness({
    database,
    redis: pipeline.redis,
    redisProbeKey: pipeline.redisProbeKey,
    loops: () => pipeline.loops.progress(),
    notServing: () => notServing,
    flowsReady: () => (config.roles.has("route") ? pipeline.flowsReady : undefined),
    encryptionKeys: () => encryptionKeys?.check(),
    accepting: () =>
      config.roles.has("receive") || config.roles.has("api")
        ? pipeline.receiving.accepting.check()
        : undefined,
  });
  const health = { log, registry: metrics.registry, readiness, metricsKey: config.metricsKey };
  const server = createHttpServer({
    ...health,
    database,
    keyRing,
    keyUse,
    acceptor: pipeline.receiving.acceptor,
    takeQuota: pipeline.receiving.takeQuota,
    checkActionHeaders,
    refusedTarget: createTargetRules(allowPrivate, ownTargets),
    dispatch: pipeline.dispatch,
    pollDispatch: pipeline.pollDispatch,
    publicUrl: config.publicUrl,
    onUnavailable: createUnavailableWatch({ metrics, faults }),
    phase: () => phase,
    bounds: bounds.http,
    onRefused: (reason) => metrics.refusedCalls.inc({ reason }),
    onDropped: (reason) => metrics.droppedConnections.inc({ reason }),
    version,
    trustedProxies: config.trustedProxies,
    serveApi: config.roles.has("api"),
    queues: pipeline.queues.byLane,
  });
  if (config.roles.has("receive")) {
    await server.register(webhookRoutes, {
      receiver: pipeline.receiving.receiver,
      publicUrl: config.publicUrl,
      bounds: bounds.webhooks,
      isBehind: () => pipeline.receiving.isBehind,
      onAnswer: createAnswerWatch({ metrics, rejections: pipeline.receiving.rejections }),
      onRefused: (code) => metrics.refusals.inc({ code }),
    });
  }
  if (stores.embedded || config.demo) {
    await server.register(demoSink, { path: DEMO_SINK_PATH, log });
    await server.register(demoOrders, { path: DEMO_ORDERS_PATH, now: Date.now });
  }
  // Loops start after the server listens, because its start keeps the processor busy and their first steps would time out.
  const url = await listen(server, config.host, { setting: "PORT", port: config.port });
  if (stores.embedded || config.demo) {
    for (const path of [DEMO_SINK_PATH, DEMO_ORDERS_PATH]) ownTargets.add(url + path);
  }
  const healthServer = config.metricsPort === undefined ? undefined : createHealthServer(health);
  if (healthServer !== undefined) {
    await listen(healthServer, config.host, {
      setting: "HEADRACE_METRICS_PORT",
      port: config.metricsPort ?? 0,
    });
  }
  await pipeline.start();
  notServing = undefined;

  let stopping: Promise<void> | undefined;
  async function drain(notice: Parameters<Running["stop"]>[0]): Promise<void> {
    notServing = "stopping";
    phase = "ending";
    stores.markStopping();
    if (notice !== undefined) {
      // Rejects when the signal ends the wait.
      await delay(notice.ms, { signal: notice.signal }).catch(() => {});
    }
    await Promise.race([server.close(), delay(bounds.drainMs.requests, { ref: false })]);
    phase = "ended";
    await pipeline.stop();
    await codeFlows?.stop();
    await Promise.race([healthServer?.close(), delay(1_000, { ref: false })]);
    await outgoing.close();
    await Promise.race([database.close(), delay(1_000, { ref: false })]);
    faults.stop();
    await stores.stopStores();
  }
  return {
    url,
    stores,
    database,
    stop(notice) {
      stopping ??= drain(notice);
      return stopping;
    },
  };
}

/** Waits for the stores, checks them and migrates the schema. Returns the URLs of PostgreSQL with their `sslmode`. */
async function prepareStores(
  config: Config,
  stores: ProvidedStores,
  log: Logger,
  signal: AbortSignal,
  bounds: Bounds,
): Promise<{ databaseUrl: string; ownerUrl: string; isRedisClusterNode: boolean }> {
  const { preparedStatements, migrationDatabaseUrl = stores.databaseUrl } = config;
  const reached = await waitForStores(
    { databaseUrl: stores.databaseUrl, ownerUrl: migrationDatabaseUrl, redisUrl: stores.redisUrl },
    log,
    signal,
  );
  const { databaseUrl, ownerUrl } = reached;
  if (!stores.embedded) {
    await checkPooling({ databaseUrl, ownerUrl, preparedStatements }, log);
    await warnOfUnboundUsers({ DATABASE_URL: databaseUrl, HEADRACE_MIGRATION_DATABASE_URL: ownerUrl }, log);
  }
  const applied = await migrateStores({
    databaseUrl,
    ownerUrl,
    daysAhead: bounds.partitions.daysAhead,
    onAdjusted: (names) =>
      log.warn({ settings: names }, "unsuitable settings of PostgreSQL were changed for the user"),
    onPlannerRefused: (reason) =>
      log.info(
        { reason },
        "planner settings could not be stored for the user: statements are planned each time",
      ),
  });
  if (applied.length > 0) log.info({ migrations: applied.length }, "schema migrated");
  return reached;
}

/** The handlers of a process that runs no flows. */
const NO_HANDLERS = { get: () => undefined };

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };
