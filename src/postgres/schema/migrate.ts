import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";
import { type Access, grantAccess, refuseMissingRoles } from "../access/access.ts";
import { connectionOptions, SessionClient } from "../core/connection-options.ts";
import { migrationSchema } from "./migration-schema.ts";

/*
 * Adding a migration
 *
 * Add a file `migrations/NNN-subject.sql` with the next number. Files that a release contained never change: their
 * checksums are stored in the databases, and a database with another checksum is refused. There are no down migrations.
 *
 * - The file runs in one transaction, so CREATE INDEX CONCURRENTLY is not possible. A lock is waited for at most
 *   LOCK_TIMEOUT_MS; the migration is then rolled back and retried. Keep the locks of hot tables short.
 * - Copies of the previous version still run during and after it: add columns that they may ignore, and drop or rename
 *   columns one release after the last use.
 * - Write unqualified names: the tables may be in any schema.
 * - A new table with a tenant_id needs `SELECT protect_tenant_table('name');` and a GRANT to headrace_api and
 *   headrace_pipeline. A new partitioned table is listed in partitioned_tables() and in PARTITIONED_TABLES.
 * - A SECURITY DEFINER function needs a search_path and a REVOKE from PUBLIC, as in 010-partitions-and-statistics.sql.
 * - Then update migrations/schema.txt and review its difference:
 *   UPDATE_SCHEMA=1 npx vitest run --project tests test/migrations.test.ts
 */

/** Key of the advisory lock under which migrations run. */
const MIGRATION_LOCK = 7_232_733;

/** A migration that waits longer for a lock is rolled back and retried, so that it does not block live traffic. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_TRIES = 15;

/**
 * Overrides timeouts set on the owner. The advisory lock is the transaction's: a session's would stay on the server's
 * connection behind a pooler in transaction mode.
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
 * Brings the database to the newest schema and lets `applicationUsers` (default: the user of `url`) use it. Each file
 * of `directory` runs once, in the order of the numbers, under an advisory lock. An empty database gets all of them in
 * one transaction, so that a failure leaves nothing behind; later each has its own transaction. Returns the names of
 * the migrations that ran, and the schema of the tables. Throws `store_unsuitable` if the database was made by other
 * migrations, if a migration fails, or if the server or its user does not meet the requirements.
 */
export async function migrate(options: {
  url: string;
  directory: string;
  applicationUsers?: readonly string[];
  /** Runs after the migrations in a transaction of its own, under the same lock. */
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
      `PostgreSQL ${rows[0].version} is too old: 15 or newer is required`,
    );
  }
}

/** Runs the next migration, or all in an empty database. Grants access with the last one. Returns their names. */
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
    refuseOtherHistory(migrations, applied, access.schema);
    const pending = migrations.filter(({ name }) => !applied.has(name));
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

/**
 * Throws `store_unsuitable` if the database has a migration under a number of this version's that is not the same file.
 * Higher numbers are allowed: they are a newer version's, whose copies may run beside this one.
 */
function refuseOtherHistory(
  migrations: readonly Migration[],
  applied: ReadonlyMap<string, string>,
  schema: string,
): void {
  const checksums = new Map(migrations.map(({ name, checksum }) => [name, checksum]));
  const newest = numberOf(migrations.at(-1)?.name ?? "");
  const other = [...applied]
    .filter(([name, checksum]) => numberOf(name) <= newest && checksums.get(name) !== checksum)
    .map(([name]) => name)
    .sort()[0];
  if (other === undefined) return;
  throw new HeadraceError(
    "store_unsuitable",
    `Schema "${schema}" was made by another version of Headrace, which cannot be upgraded (its migration ${other} ${checksums.has(other) ? "differs from this version's" : "does not exist in this version"}): start over with an empty database, or with the embedded stores delete their data directory (HEADRACE_DATA_DIR, by default .headrace)`,
  );
}

function numberOf(name: string): number {
  return Number.parseInt(name, 10);
}

/** SQLSTATEs of an object whose name is taken. */
const NAME_TAKEN = /^(42P07|42723|42710|42P06)$/;

function asMigrationFault(error: unknown, name: string, schema: string): unknown {
  if (!(error instanceof pg.DatabaseError)) return error;
  const advice = NAME_TAKEN.test(error.code ?? "")
    ? `: schema "${schema}" contains objects of another program; give Headrace a database of its own, or a schema: CREATE SCHEMA headrace, and ?options=-c%20search_path=headrace in the URL`
    : "";
  return new HeadraceError("store_unsuitable", `Migration ${name} failed: ${error.message}${advice}`, {
    cause: error,
  });
}

async function withRetry<Result>(work: () => Promise<Result>): Promise<Result> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await work();
    } catch (error) {
      const cause = error instanceof HeadraceError ? error.cause : error;
      const lockTimedOut = cause instanceof pg.DatabaseError && cause.code === "55P03";
      if (!lockTimedOut || tries >= LOCK_TRIES) throw error;
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
