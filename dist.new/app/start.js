import { randomBytes } from "node:crypto";
import { createRequire } from "node:module";
import { HeadraceError } from "../domain/errors.js";
import { startEmbeddedStores } from "../embedded/stores.js";
import { demoSink } from "../http/demo-sink.js";
import { createHttpServer } from "../http/server.js";
import { webhookRoutes } from "../http/webhooks.js";
import { checkActionHeaders } from "../pipeline/execute/http-action.js";
import { normalize } from "../pipeline/normalize/normalize.js";
import { ensureAdminKey } from "../postgres/api-keys.js";
import { openDatabase } from "../postgres/database.js";
import { createKeyRing } from "../postgres/key-ring.js";
import { createOutgoingHttp } from "../runtime/outgoing/index.js";
import { composePipeline } from "./compose.js";
import { DEMO_SINK_PATH } from "./demo.js";
import { generatedOnce } from "./generated.js";
import { loadHandlers } from "./handlers.js";
import { DEFAULT_LIMITS } from "./limits.js";
import { createMetrics } from "./metrics.js";
import { createReadiness } from "./readiness.js";
import { migrateStores, readInstallation, waitForStores } from "./stores.js";
/**
 * Starts one process: finds or brings its stores, migrates, serves. `signal` ends a start that waits for stores.
 * Throws HeadraceError: `invalid_setting`, `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function start(config, log, signal, limits = DEFAULT_LIMITS) {
    const settings = await readySettings(config, log);
    try {
        return await serve(config, settings, log, signal, limits);
    }
    catch (error) {
        await settings.stopStores();
        throw error;
    }
}
async function readySettings(config, log) {
    const { databaseUrl, redisUrl, adminKey, encryptionKeys, dataDir } = config;
    if (databaseUrl !== undefined && redisUrl !== undefined) {
        if (adminKey === undefined) {
            throw new HeadraceError("invalid_setting", "HEADRACE_ADMIN_KEY is not set, which external stores need; make one with: head -c 24 /dev/urandom | base64");
        }
        if (encryptionKeys === undefined) {
            throw new HeadraceError("invalid_setting", "HEADRACE_ENCRYPTION_KEYS is not set, which external stores need; make one with: echo k1:$(head -c 32 /dev/urandom | base64)");
        }
        const none = async () => { };
        return {
            databaseUrl,
            redisUrl,
            adminKey,
            madeAdminKey: false,
            encryptionKeys,
            embedded: false,
            stopStores: none,
        };
    }
    const stores = await startEmbeddedStores({ dataDir, log });
    const admin = await generatedOnce(`${dataDir}/admin-key`, () => `hr_admin_${randomBytes(24).toString("base64url")}`);
    const keys = await generatedOnce(`${dataDir}/encryption-keys`, () => `k1:${randomBytes(32).toString("base64")}`);
    return {
        databaseUrl: stores.databaseUrl,
        redisUrl: stores.redisUrl,
        adminKey: adminKey ?? admin.value,
        madeAdminKey: adminKey === undefined && admin.made,
        encryptionKeys: encryptionKeys ?? keys.value,
        embedded: true,
        stopStores: () => stores.stop(),
    };
}
async function serve(config, settings, log, signal, limits) {
    const { databaseUrl, redisUrl } = settings;
    await waitForStores(settings, log, signal);
    const ownerUrl = config.migrationDatabaseUrl ?? databaseUrl;
    const applied = await migrateStores({ databaseUrl, ownerUrl, daysAhead: limits.partitions.daysAhead });
    if (applied.length > 0)
        log.info({ migrations: applied.length }, "schema brought up to date");
    const keyRing = createKeyRing(settings.encryptionKeys);
    const metrics = createMetrics();
    const database = openDatabase({
        url: databaseUrl,
        ...limits.postgres,
        onError: (error) => log.debug({ err: error }, "postgres connection"),
    });
    await ensureAdminKey(database, settings.adminKey);
    const outgoing = createOutgoingHttp({ allowPrivate: allowedTargets(config, settings) });
    const pipeline = composePipeline({
        roles: config.roles,
        limits,
        database,
        listenUrl: ownerUrl,
        redisUrl,
        installation: await readInstallation(database.pipeline),
        keyRing,
        handlers: await loadHandlers(config.flowsDir),
        outgoing,
        metrics,
        log,
    });
    let notServing = "starting";
    const server = createHttpServer({
        log,
        database,
        keyRing,
        acceptor: pipeline.acceptor,
        normalize,
        checkActionHeaders,
        publicUrl: config.publicUrl,
        registry: metrics.registry,
        readiness: createReadiness({
            database,
            redis: pipeline.redis,
            loops: () => pipeline.loops.progress(),
            notServing: () => notServing,
            flowsReady: () => (config.roles.has("route") ? pipeline.flowsReady : undefined),
        }),
        version,
        serveApi: config.roles.has("api"),
    });
    if (config.roles.has("receive")) {
        await server.register(webhookRoutes, {
            receive: pipeline.receive,
            publicUrl: config.publicUrl,
            bodyLimitBytes: limits.maxWebhookBytes,
            onAnswer(answer, name) {
                metrics.deliveries.inc({ answer: answer.kind });
                if (answer.kind !== "rejected")
                    return;
                metrics.rejections.inc({ reason: answer.reason });
                log.info({ ...name, reason: answer.reason }, "delivery rejected");
            },
        });
    }
    if (settings.embedded || config.demo)
        await server.register(demoSink, { path: DEMO_SINK_PATH, log });
    pipeline.start();
    const url = await server.listen({ port: config.port, host: config.host });
    notServing = undefined;
    let stopping;
    async function drain() {
        notServing = "stopping";
        await Promise.race([server.close(), delay(limits.drainMs.requests)]);
        await pipeline.stop();
        await outgoing.close();
        await Promise.race([database.close(), delay(1_000)]);
        await settings.stopStores();
    }
    return {
        url,
        settings,
        database,
        stop() {
            stopping ??= drain();
            return stopping;
        },
    };
}
const { version } = createRequire(import.meta.url)("../../package.json");
/** The demo's flows call this very process. */
function allowedTargets(config, settings) {
    return config.allowPrivateTargets ?? (settings.embedded || config.demo ? ["127.0.0.0/8", "::1/128"] : []);
}
function delay(ms) {
    return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
//# sourceMappingURL=start.js.map