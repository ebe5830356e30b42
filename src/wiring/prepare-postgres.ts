import pg from "pg";
import { HeadraceError } from "../domain/errors.ts";
import { refuseMissingAccess } from "../postgres/access/access.ts";
import { permanentPostgresFault } from "../postgres/core/connection-faults.ts";
import {
  connectionOptions,
  SessionClient,
  sslModesOf,
  withSslMode,
} from "../postgres/core/connection-options.ts";
import { probePooling } from "../postgres/core/pooler-probe.ts";
import { adjustSessionSettings, refuseUnsuitedSettings } from "../postgres/core/session-settings.ts";
import { migrate } from "../postgres/schema/migrate.ts";
import { ensurePartitions } from "../postgres/schema/partitions.ts";
import { findUnboundUser } from "../postgres/schema/role-rights.ts";
import { storePlannerSettings } from "../postgres/schema/role-settings.ts";
import type { Logger } from "../runtime/logger.ts";

/** Where the migrations lie: beside `src` and beside `dist`. */
const MIGRATIONS = new URL("../../migrations", import.meta.url).pathname;

const CONNECT_TIMEOUT_MS = 3_000;

/** The names of the settings that hold URLs of PostgreSQL. */
export type PostgresSetting = "DATABASE_URL" | "HEADRACE_MIGRATION_DATABASE_URL";

/**
 * Connects once, and answers the URL with the `sslmode` that the server took where the given one leaves it open.
 * Throws `store_unsuitable` where trying again will not help, and the connection's own error where it may.
 */
export async function tryPostgres(url: string, setting: PostgresSetting): Promise<string> {
  let failure: unknown;
  try {
    const modes = sslModesOf(url);
    for (const mode of modes) {
      const settled = modes.length === 1 ? url : withSslMode(url, mode);
      try {
        await connectOnce(settled);
        return settled;
      } catch (error) {
        // The server's choice is a later mode's; what it says to the first one says more about other faults.
        if (failure === undefined || isAboutEncryption(failure)) failure = error;
        if (!isAboutEncryption(error)) break;
      }
    }
  } catch (error) {
    failure = error;
  }
  const permanent = permanentPostgresFault(failure, url, setting);
  if (permanent === undefined) throw failure;
  throw new HeadraceError("store_unsuitable", permanent, { cause: failure });
}

function isAboutEncryption(error: unknown): boolean {
  return error instanceof Error && /does not support SSL|no encryption|SSL encryption/.test(error.message);
}

async function connectOnce(url: string): Promise<void> {
  await withSession(url, async (client) => {
    const { rows } = await client.query("SELECT pg_is_in_recovery() AS standby");
    if (rows[0].standby) throw new Error("it is a standby, which takes no writes");
  });
}

/**
 * Brings the schema up to date as the owner, makes the partitions of the coming days, gives the application's user
 * what it needs, and tries as that user that it has it. Answers the migrations that ran.
 */
export async function migrateStores(options: {
  databaseUrl: string;
  /** The owner's connection, where the application's goes through a pooler. */
  ownerUrl: string;
  daysAhead: number;
  /** Called with the names of the settings that did not suit and were set on the user in this database. */
  onAdjusted?: (settings: string[]) => void;
  /** Called with the server's reason where the planner's settings could not be stored on the user. */
  onPlannerRefused?: (reason: string) => void;
}): Promise<string[]> {
  try {
    return await migrateAndTry(options);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const message = `PostgreSQL refused to be prepared: ${error.message} (SQLSTATE ${error.code})`;
    throw new HeadraceError("store_unsuitable", message, { cause: error });
  }
}

async function migrateAndTry(options: Parameters<typeof migrateStores>[0]): Promise<string[]> {
  const { databaseUrl, ownerUrl, daysAhead } = options;
  const { users, adjusted } = await withSession(databaseUrl, async (client) => {
    const { rows } = await client.query("SELECT session_user::text AS login, current_user::text AS role");
    const names = new Set<string>([rows[0].login, rows[0].role]);
    const adjusted = await adjustSessionSettings(client);
    const refusal = await storePlannerSettings(client);
    if (refusal !== undefined) options.onPlannerRefused?.(refusal);
    return { users: [...names], adjusted };
  });
  if (adjusted.length > 0) options.onAdjusted?.(adjusted);
  const { applied, schema } = await migrate({
    url: ownerUrl,
    directory: MIGRATIONS,
    applicationUsers: users,
    afterwards: async (client) => {
      await ensurePartitions({ query: async (statement) => (await client.query(statement)).rows }, daysAhead);
    },
  });
  await withSession(databaseUrl, async (client) => {
    if (adjusted.length > 0) await refuseUnsuitedSettings(client);
    await refuseMissingAccess(client, schema);
  });
  return applied;
}

/**
 * Finds a pooler of transactions between DATABASE_URL and the server. Throws `store_unsuitable` where it loses prepared
 * statements that are to be used; warns where nothing else would tell that notices do not come through it.
 */
export async function checkPooling(
  options: { databaseUrl: string; ownerUrl: string; preparedStatements: boolean },
  log: Logger,
): Promise<void> {
  const { databaseUrl, ownerUrl, preparedStatements } = options;
  const pooling = await withSession(databaseUrl, (client) =>
    withSession(databaseUrl, (other) => probePooling(client, other)),
  );
  if (pooling === "none") return;
  if (pooling === "transactions without prepared statements" && preparedStatements) {
    throw new HeadraceError(
      "store_unsuitable",
      "DATABASE_URL goes through a pooler that keeps no prepared statements: use PgBouncer 1.21 or newer with max_prepared_statements above 0 (200), or set HEADRACE_PREPARED_STATEMENTS=0",
    );
  }
  if (ownerUrl === databaseUrl) {
    log.warn(
      "DATABASE_URL goes through a pooler of transactions, where LISTEN hears nothing: relays poll instead; set HEADRACE_MIGRATION_DATABASE_URL to a direct connection",
    );
  }
}

/**
 * Warns, by name, of a user whom row-level security does not hold: a fault in one statement would then show a tenant the
 * rows of others, and functions that run as their owner could do anything on the server.
 */
export async function warnOfUnboundUsers(
  urls: Readonly<Record<PostgresSetting, string>>,
  log: Logger,
): Promise<void> {
  const settings = Object.keys(urls) as PostgresSetting[];
  const distinct = settings.filter(
    (one, at) => settings.findIndex((other) => urls[other] === urls[one]) === at,
  );
  for (const setting of distinct) {
    const found = await withSession(urls[setting], findUnboundUser);
    if (found === undefined) continue;
    log.warn(
      { setting, ...found },
      `${setting} names the user "${found.user}", who is ${found.right}: row-level security does not hold it; use an ordinary role that owns the database`,
    );
  }
}

async function withSession<Result>(
  url: string,
  work: (client: SessionClient) => Promise<Result>,
): Promise<Result> {
  const client = new SessionClient({
    ...connectionOptions(url),
    application_name: "headrace-start",
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
  });
  client.on("error", () => {});
  try {
    await client.connect();
    return await work(client);
  } finally {
    await client.end().catch(() => {});
  }
}
