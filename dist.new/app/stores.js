import pg from "pg";
import { HeadraceError } from "../domain/errors.js";
import { migrate } from "../postgres/migrate.js";
import { ensurePartitions } from "../postgres/partitions.js";
import { connectRedis } from "../redis/client.js";
/** Where the migrations lie: beside `src` and beside `dist`. */
const MIGRATIONS = new URL("../../migrations", import.meta.url).pathname;
/** How long a start waits for external stores, ms. */
export const STORE_WAIT_MS = 60_000;
/**
 * Waits until both stores answer, and refuses a Redis that may lose what it was given: one that evicts, or is older
 * than 7.0. Throws `store_unavailable` after `STORE_WAIT_MS`, naming the store that is away.
 */
export async function waitForStores(stores, log, signal) {
    await Promise.all([
        waitFor("PostgreSQL", () => tryPostgres(stores.databaseUrl), log, signal),
        waitFor("Redis", () => tryRedis(stores.redisUrl), log, signal),
    ]);
}
async function waitFor(store, attempt, log, signal) {
    const deadline = Date.now() + STORE_WAIT_MS;
    for (let tries = 1;; tries += 1) {
        try {
            return await attempt();
        }
        catch (error) {
            if (error instanceof HeadraceError || signal.aborted)
                throw error;
            const reason = error instanceof Error ? error.message || error.code : String(error);
            if (Date.now() > deadline) {
                const message = `${store} did not answer within ${STORE_WAIT_MS / 1_000} s: ${reason}`;
                throw new HeadraceError("store_unavailable", message, { cause: error });
            }
            if (tries === 1)
                log.warn({ store, reason }, "waiting for a store");
            await new Promise((resolve) => setTimeout(resolve, 500));
        }
    }
}
async function tryPostgres(url) {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 3_000 });
    client.on("error", () => { });
    try {
        await client.connect();
        await client.query("SELECT 1");
    }
    finally {
        await client.end().catch(() => { });
    }
}
async function tryRedis(url) {
    let lastError;
    const settings = {
        url,
        connectTimeoutMs: 3_000,
        commandTimeoutMs: 3_000,
        onError: (error) => (lastError = error),
    };
    const redis = connectRedis(settings, "jobs");
    try {
        const timeout = new Promise((_, reject) => {
            setTimeout(() => reject(lastError ?? new Error("no answer")), 3_000).unref();
        });
        refuseUnsuitableRedis(await Promise.race([redis.info(), timeout]));
    }
    finally {
        redis.disconnect();
    }
}
function refuseUnsuitableRedis(info) {
    const field = (name) => new RegExp(`^${name}:(.*?)\\r?$`, "m").exec(info)?.[1] ?? "";
    const version = field("redis_version");
    if (Number.parseInt(version, 10) < 7) {
        throw new HeadraceError("store_unsuitable", `Redis ${version} is too old: 7.0 or newer is needed`);
    }
    const policy = field("maxmemory_policy");
    if (policy !== "noeviction") {
        throw new HeadraceError("store_unsuitable", `Redis evicts keys (maxmemory-policy ${policy}): set it to noeviction`);
    }
}
/** Brings the schema up to date and makes the partitions of the coming days. */
export async function migrateStores(options) {
    const applicationUser = decodeURIComponent(new URL(options.databaseUrl).username);
    return await migrate({
        url: options.ownerUrl,
        directory: MIGRATIONS,
        ...(applicationUser === "" ? {} : { applicationUser }),
        afterwards: async (client) => {
            await ensurePartitions({ query: async (statement) => (await client.query(statement)).rows }, options.daysAhead);
        },
    });
}
/** Which installation this database is. */
export async function readInstallation(database) {
    const [row] = await database.query({ text: "SELECT id FROM installation" });
    if (row === undefined)
        throw new HeadraceError("store_unsuitable", "The database has no installation: migrate it first");
    return row.id;
}
//# sourceMappingURL=stores.js.map