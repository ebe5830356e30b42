import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";
import { type Access, grantAccess, refuseMissingRoles } from "../access/access.ts";
import { connectionOptions, SessionClient } from "../core/connection-options.ts";
import { migrationSchema } from "./migration-schema.ts";

/** Two migrations never run at once on one database, whoever starts them. The number is ours alone. */
const MIGRATION_LOCK = 7_232_733;

/** No migration waits longer for a lock that live traffic holds; it gives way and tries again. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_TRIES = 15;

/**
 * Independent of what is set on the owner. The lock ends with its transaction: through a pooler that hands sessions
 * out by the transaction, one of a session would stay behind.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE;
  SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; SET LOCAL idle_in_transaction_session_timeout = 0;
  SET LOCAL row_security = on; SELECT pg_advisory_xact_lock(${MIGRATION_LOCK})`;

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Brings the database to the newest schema and lets `applicationUsers` (default: the user of `url`) use it. Forward
 * only: each file of `directory` runs once, in the order of its number, under an advisory lock. An empty database gets
 * all of them in one transaction, so that a failure leaves nothing behind; later each has a transaction of its own.
 * Answers the names of those that ran, and the schema that they are in. A file that changed after it ran is refused.
 */
export async function migrate(options: {
  url: string;
  directory: string;
  applicationUsers?: readonly string[];
  /** Runs after the migrations, under the same lock: makes what later days need (partitions). */
  afterwards?: (client: pg.Client) => Promise<void>;
}): Promise<{ applied: string[]; schema: string }> {
  const migrations = await readMigrations(options.directory);
  const client = new SessionClient({
    ...connectionOptions(options.url),
    application_name: "headrace-migrate",
  });
  client.on("error", () => {});
  await client.connect();
  try {
    await refuseOldServer(client);
    const schema = await migrationSchema(client);
    const users = options.applicationUsers ?? [client.user ?? ""];
    const access = { schema, users, functions: functionsOf(migrations) };
    const applied: string[] = [];
    for (;;) {
      const names = await withRetry(() => applyNext(client, migrations, access));
      if (names.length === 0) break;
      applied.push(...names);
    }
    await inTransaction(client, async () => await options.afterwards?.(client));
    return { applied, schema };
  } finally {
    await client.end();
  }
}

async function readMigrations(directory: string): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => /^\d{3}-.+\.sql$/.test(name)).sort();
  return Promise.all(
    names.map(async (name) => {
      const sql = await readFile(`${directory}/${name}`, "utf8");
      return { name, sql, checksum: createHash("sha256").update(sql).digest("hex") };
    }),
  );
}

function functionsOf(migrations: readonly Migration[]): string[] {
  const names = migrations.flatMap(({ sql }) =>
    [...sql.matchAll(/^CREATE (?:OR REPLACE )?FUNCTION (\w+)/gm)].map((match) => match[1] as string),
  );
  return [...new Set(names)];
}

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::integer AS version");
  if (rows[0].version < 150_000) {
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL ${rows[0].version} is too old: 15 or newer is needed`,
    );
  }
}

/**
 * Runs the next migration, or in an empty database all of them, and with the last grants access; answers their names,
 * none when all have run.
 */
async function applyNext(
  client: pg.Client,
  migrations: readonly Migration[],
  access: Access,
): Promise<string[]> {
  return await inTransaction(client, async () => {
    const table = `${pg.escapeIdentifier(access.schema)}.schema_migrations`;
    await client.query(`CREATE TABLE IF NOT EXISTS ${table}
      (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const { rows } = await client.query(`SELECT name, checksum FROM ${table}`);
    const applied = new Map<string, string>(rows.map((row) => [row.name, row.checksum]));
    const pending = migrations.filter((migration) => isPending(migration, applied));
    const next = applied.size === 0 ? pending : pending.slice(0, 1);
    if (next.length > 0) await refuseMissingRoles(client);
    await client.query(`SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
    for (const { name, sql, checksum } of next) {
      await client.query(sql).catch((error) => {
        throw asMigrationFault(error, name, access.schema);
      });
      await client.query(`INSERT INTO ${table} (name, checksum) VALUES ($1, $2)`, [name, checksum]);
    }
    if (next.length === pending.length) await grantAccess(client, access);
    return next.map(({ name }) => name);
  });
}

function isPending(migration: Migration, applied: Map<string, string>): boolean {
  const checksum = applied.get(migration.name);
  if (checksum !== undefined && checksum !== migration.checksum) {
    throw new HeadraceError(
      "store_unsuitable",
      `Migration ${migration.name} was changed after it ran on this database`,
    );
  }
  return checksum === undefined;
}

/** SQLSTATE of a table, function or other object whose name is taken. */
const NAME_TAKEN = /^(42P07|42723|42710|42P06)$/;

function asMigrationFault(error: unknown, name: string, schema: string): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const way = NAME_TAKEN.test(error.code ?? "")
    ? `: schema "${schema}" holds something of another program; give Headrace a database of its own, or a schema: CREATE SCHEMA headrace, and ?options=-c%20search_path=headrace in the URL`
    : "";
  return new HeadraceError("store_unsuitable", `Migration ${name} failed: ${error.message}${way}`, {
    cause: error,
  });
}

async function withRetry<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await work();
    } catch (error) {
      const cause = error instanceof HeadraceError ? error.cause : error;
      const lockTimedOut = cause instanceof pg.DatabaseError && cause.code === "55P03";
      if (!lockTimedOut || attempt >= LOCK_TRIES) throw error;
    }
  }
}

async function inTransaction<Result>(client: pg.Client, work: () => Promise<Result>): Promise<Result> {
  await client.query(BEGIN);
  try {
    const result = await work();
    await client.query("COMMIT");
    return result;
  } catch (error) {
    await client.query("ROLLBACK").catch(() => {});
    throw error;
  }
}
