import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout } from "node:timers/promises";
import { DEMO_ORDERS_PATH, DEMO_SINK_PATH } from "../demo/demo.ts";
import { HeadraceError } from "../domain/errors.ts";
import { type EmbeddedStores, startEmbeddedStores } from "../embedded/stores.ts";
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
import { generatedOnce } from "../runtime/generated-once.ts";
import { keepNewObjectsYoung, setHeapGrowth } from "../runtime/heap.ts";
import type { Logger } from "../runtime/logger.ts";
import { createOutgoingHttp, createTargetRules } from "../runtime/outgoing/index.ts";
import { DEFAULT_BOUNDS, type Limits } from "./bounds.ts";
import { composePipeline } from "./compose/compose.ts";
import type { Config } from "./config.ts";
import { createEncryptionKeys } from "./encryption/encryption-keys.ts";
import { createAnswerWatch } from "./health/answer-watch.ts";
import { createFaultLog } from "./health/fault-log.ts";
import { createReadiness } from "./health/readiness.ts";
import { createUnavailableWatch, describeFault } from "./health/unavailable.ts";
import { createMetrics } from "./metrics.ts";
import { checkPooling, migrateStores, warnOfUnboundUsers } from "./prepare-postgres.ts";
import { readInstallation, waitForStores } from "./stores.ts";

/** A process that serves. */
export interface Running {
  /** Where it listens, with the port that it got. */
  url: string;
  /** What the stores and keys are, given or made. */
  settings: Settings;
  /** Which database this is, for what starts beside it. */
  database: Database;
  /**
   * Drains in the order of the pipeline, then stops the embedded stores. With a notice it first shows red readiness for
   * `ms` and still serves, until the notice's signal aborts. Stopping twice is fine.
   */
  stop(notice?: { ms: number; signal: AbortSignal }): Promise<void>;
}

/** What a process needs before it can open anything. */
export interface Settings {
  databaseUrl: string;
  redisUrl: string;
  adminKey: string;
  /** True when this start made the admin key, which is shown once. */
  madeAdminKey: boolean;
  encryptionKeys: string;
  embedded: boolean;
  /** Tells whoever waits for the embedded stores that this process is about to free them. */
  markStopping(): void;
  stopStores(): Promise<void>;
}

/**
 * Starts one process: finds or brings its stores, migrates, serves. `signal` ends a start that waits for stores.
 * Throws HeadraceError: `invalid_setting`, `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function start(
  config: Config,
  log: Logger,
  signal: AbortSignal,
  bounds: Limits = DEFAULT_BOUNDS,
): Promise<Running> {
  const { events, polls } = bounds.heapGrowthPercent;
  if ((["receive", "route", "execute"] as const).some((role) => config.roles.has(role))) {
    setHeapGrowth(events);
    keepNewObjectsYoung();
  } else if (config.roles.has("poll")) setHeapGrowth(polls);
  const settings = await readySettings(config, log);
  try {
    return await serve(config, settings, log, signal, bounds);
  } catch (error) {
    await settings.stopStores();
    throw error;
  }
}

async function readySettings(config: Config, log: Logger): Promise<Settings> {
  const { databaseUrl, redisUrl, adminKey, encryptionKeys, dataDir } = config;
  if (databaseUrl !== undefined && redisUrl !== undefined) {
    if (adminKey === undefined) {
      throw new HeadraceError(
        "invalid_setting",
        "HEADRACE_ADMIN_KEY is not set, which external stores need; make one with: head -c 24 /dev/urandom | base64",
      );
    }
    if (encryptionKeys === undefined) {
      throw new HeadraceError(
        "invalid_setting",
        "HEADRACE_ENCRYPTION_KEYS is not set, which external stores need; make one with: echo k1:$(head -c 32 /dev/urandom | base64)",
      );
    }
    const given = { databaseUrl, redisUrl, adminKey, madeAdminKey: false, encryptionKeys, embedded: false };
    return { ...given, markStopping: () => {}, stopStores: async () => {} };
  }
  const stores: EmbeddedStores = await startEmbeddedStores({ dataDir, log });
  const admin = await generatedOnce(
    `${dataDir}/admin-key`,
    () => `hr_admin_${randomBytes(24).toString("base64url")}`,
  );
  const keys = await generatedOnce(
    `${dataDir}/encryption-keys`,
    () => `k1:${randomBytes(32).toString("base64")}`,
  );
  return {
    databaseUrl: stores.databaseUrl,
    redisUrl: stores.redisUrl,
    adminKey: adminKey ?? admin.value,
    madeAdminKey: adminKey === undefined && admin.made,
    encryptionKeys: encryptionKeys ?? keys.value,
    embedded: true,
    markStopping: stores.markStopping,
    stopStores: stores.stop,
  };
}

async function serve(
  config: Config,
  settings: Settings,
  log: Logger,
  signal: AbortSignal,
  bounds: Limits,
): Promise<Running> {
  const { redisUrl } = settings;
  const { preparedStatements, migrationDatabaseUrl = settings.databaseUrl } = config;
  const given = { databaseUrl: settings.databaseUrl, ownerUrl: migrationDatabaseUrl, redisUrl };
  const { databaseUrl, ownerUrl, isRedisClusterNode } = await waitForStores(given, log, signal);
  if (!settings.embedded) {
    await checkPooling({ databaseUrl, ownerUrl, preparedStatements }, log);
    await warnOfUnboundUsers({ DATABASE_URL: databaseUrl, HEADRACE_MIGRATION_DATABASE_URL: ownerUrl }, log);
  }
  const applied = await migrateStores({
    databaseUrl,
    ownerUrl,
    daysAhead: bounds.partitions.daysAhead,
    onAdjusted: (names) =>
      log.warn({ settings: names }, "settings of PostgreSQL that did not suit were set on the user"),
    onPlannerRefused: (reason) =>
      log.info(
        { reason },
        "planner settings could not be stored on the user: statements are planned each time",
      ),
  });
  if (applied.length > 0) log.info({ migrations: applied.length }, "schema brought up to date");

  const keyRing = createKeyRing(settings.encryptionKeys);
  const metrics = createMetrics();
  const faults = createFaultLog({ log, ...bounds.faultLog });
  const database = openDatabase({
    url: databaseUrl,
    ...bounds.postgres,
    preparedStatements,
    onError: (error) => faults.note({ what: "a connection to PostgreSQL", ...describeFault(error) }, error),
  });
  if (await ensureAdminKey(database, settings.adminKey)) {
    log.info("HEADRACE_ADMIN_KEY replaced the earlier admin key of the setting");
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
          ...{ folder: config.flowsDir, log, hosts: config.flowHosts, bounds: bounds.flowHosts },
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
  if (settings.embedded || config.demo) {
    await server.register(demoSink, { path: DEMO_SINK_PATH, log });
    await server.register(demoOrders, { path: DEMO_ORDERS_PATH, now: Date.now });
  }
  // Loops begin once the server listens: what readies it takes the processor, and their first steps would time out.
  const url = await listen(server, config.host, { setting: "PORT", port: config.port });
  if (settings.embedded || config.demo) {
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
    settings.markStopping();
    if (notice !== undefined) {
      // It rejects when the signal ends the wait.
      await setTimeout(notice.ms, undefined, { signal: notice.signal }).catch(() => {});
    }
    await Promise.race([server.close(), delay(bounds.drainMs.requests)]);
    phase = "ended";
    await pipeline.stop();
    await codeFlows?.stop();
    await Promise.race([healthServer?.close(), delay(1_000)]);
    await outgoing.close();
    await Promise.race([database.close(), delay(1_000)]);
    faults.stop();
    await settings.stopStores();
  }
  return {
    url,
    settings,
    database,
    stop(notice) {
      stopping ??= drain(notice);
      return stopping;
    },
  };
}

/** Of a process that runs no flows. */
const NO_HANDLERS = { get: () => undefined };

const { version } = createRequire(import.meta.url)("../../package.json") as { version: string };

/** Returns the URL that the server listens at; throws `invalid_setting` where the address cannot be had. */
async function listen(
  server: { listen(options: { port: number; host: string }): Promise<string> },
  host: string,
  { setting, port }: { setting: "PORT" | "HEADRACE_METRICS_PORT"; port: number },
): Promise<string> {
  try {
    return await server.listen({ port, host });
  } catch (cause) {
    const flaw = LISTEN_FLAWS[(cause as NodeJS.ErrnoException).code ?? ""];
    if (flaw === undefined) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new HeadraceError(
      "invalid_setting",
      `Cannot listen at ${host}, port ${port}: ${flaw} (${code}); set ${setting} or HOST`,
      {
        cause,
      },
    );
  }
}

const LISTEN_FLAWS: Record<string, string> = {
  EADDRINUSE: "another process listens there",
  EACCES: "this user may not",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the name has no address",
};

function delay(ms: number): Promise<void> {
  return setTimeout(ms, undefined, { ref: false });
}
