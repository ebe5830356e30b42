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

/** The folder of the migrations, next to both `src` and `dist`. */
const MIGRATIONS = new URL("../../migrations", import.meta.url).pathname;

const CONNECT_TIMEOUT_MS = 3_000;

/** The settings with URLs of PostgreSQL. */
export type PostgresSetting = "DATABASE_URL" | "HEADRACE_MIGRATION_DATABASE_URL";

/**
 * Connects once and returns the URL with the `sslmode` that worked, if the given URL allows several. Throws
 * `store_unsuitable` for a permanent fault, and the error of the connection for a temporary one.
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
        // Keeps the error of the first mode, unless it is only about encryption.
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
 * Migrates the schema as the owner, makes the partitions of the coming days, grants the application user its rights, and
 * verifies them as that user. Returns the names of the migrations that ran.
 */
export async function migrateStores(options: {
  databaseUrl: string;
  /** The connection of the owner, if that of the application goes through a pooler. */
  ownerUrl: string;
  daysAhead: number;
  /** Called with the names of unsuitable settings that were changed for the user in this database. */
  onAdjusted?: (settings: string[]) => void;
  /** Called with the reason if the planner settings could not be stored for the user. */
  onPlannerRefused?: (reason: string) => void;
}): Promise<string[]> {
  try {
    return await migrateAndTry(options);
  } catch (error) {
    if (!(error instanceof pg.DatabaseError)) throw error;
    const message = `PostgreSQL could not be prepared: ${error.message} (SQLSTATE ${error.code})`;
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
 * Detects a transaction pooler between DATABASE_URL and the server. Throws `store_unsuitable` if it loses the prepared
 * statements that are used. Warns if notices cannot get through it.
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
      "DATABASE_URL goes through a transaction pooler, where LISTEN does not work: relays poll instead; set HEADRACE_MIGRATION_DATABASE_URL to a direct connection",
    );
  }
}

/**
 * Warns of users to whom row-level security does not apply. A faulty statement could then show a tenant the rows of
 * others, and functions that run as their owner could do anything on the server.
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
      `${setting} has the user "${found.user}", which is ${found.right}: row-level security does not apply to it; use an ordinary role that owns the database`,
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
