import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import pg from "pg";
import { HeadraceError } from "../domain/errors.ts";

/** Two migrations never run at once on one database, whoever starts them. The number is ours alone. */
const MIGRATION_LOCK = 7_232_733;

/** No migration waits longer for a lock that live traffic holds; it gives way and tries again. */
const LOCK_TIMEOUT_MS = 2_000;
const LOCK_TRIES = 15;

interface Migration {
  name: string;
  sql: string;
  checksum: string;
}

/**
 * Brings the database to the newest schema and lets `applicationUser` (default: the user of `url`) use it.
 * Forward only: each file of `directory` runs once, in the order of its number, in a transaction of its own under
 * an advisory lock. Answers the names of those that ran. A file that changed after it ran is refused.
 */
export async function migrate(options: {
  url: string;
  directory: string;
  applicationUser?: string;
  /** Runs beside the migrations, under the same lock: makes what later days need (partitions). */
  afterwards?: (client: pg.Client) => Promise<void>;
}): Promise<string[]> {
  const migrations = await readMigrations(options.directory);
  const client = new pg.Client({ connectionString: options.url, application_name: "headrace-migrate" });
  client.on("error", () => {});
  await client.connect();
  try {
    await refuseOldServer(client);
    await client.query("SELECT pg_advisory_lock($1)", [MIGRATION_LOCK]);
    await client.query(`CREATE TABLE IF NOT EXISTS schema_migrations
      (name text PRIMARY KEY, checksum text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`);
    const applied = await appliedChecksums(client);
    const pending = migrations.filter((migration) => isPending(migration, applied));
    for (const migration of pending) await applyWithRetry(client, migration);
    await grantRoles(client, options.applicationUser);
    await options.afterwards?.(client);
    return pending.map((migration) => migration.name);
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

async function refuseOldServer(client: pg.Client): Promise<void> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::integer AS version");
  if (rows[0].version < 150_000) {
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL ${rows[0].version} is too old: 15 or newer is needed`,
    );
  }
}

async function appliedChecksums(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query("SELECT name, checksum FROM schema_migrations");
  return new Map(rows.map((row) => [row.name, row.checksum]));
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

async function applyWithRetry(client: pg.Client, migration: Migration): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await apply(client, migration);
    } catch (error) {
      await client.query("ROLLBACK");
      const lockTimedOut = error instanceof pg.DatabaseError && error.code === "55P03";
      if (lockTimedOut && attempt < LOCK_TRIES) continue;
      const reason = error instanceof Error ? error.message : String(error);
      throw new HeadraceError("store_unsuitable", `Migration ${migration.name} failed: ${reason}`, {
        cause: error,
      });
    }
  }
}

async function apply(client: pg.Client, migration: Migration): Promise<void> {
  await client.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_TIMEOUT_MS}`);
  await client.query(migration.sql);
  await client.query("INSERT INTO schema_migrations (name, checksum) VALUES ($1, $2)", [
    migration.name,
    migration.checksum,
  ]);
  await client.query("COMMIT");
}

/**
 * Membership gives the login role the pipeline's policies, and the right to become the API's role. A role that made
 * the two itself may administer them from PostgreSQL 16 on, and yet neither inherits nor becomes them before a grant.
 */
async function grantRoles(client: pg.Client, applicationUser: string | undefined): Promise<void> {
  const user = applicationUser ?? client.user ?? "";
  const { rows } = await client.query(
    `SELECT rolname FROM pg_roles WHERE rolname IN ('headrace_api', 'headrace_pipeline')
      AND NOT EXISTS (SELECT FROM pg_auth_members m JOIN pg_roles u ON u.oid = m.member
        WHERE m.roleid = pg_roles.oid AND u.rolname = $1 AND coalesce((to_jsonb(m)
          ->> CASE rolname WHEN 'headrace_api' THEN 'set_option' ELSE 'inherit_option' END)::boolean, true))`,
    [user],
  );
  for (const { rolname } of rows) {
    await client.query(`GRANT ${rolname} TO ${pg.escapeIdentifier(user)}`);
  }
}
