import pg from "pg";
import { onTestFinished } from "vitest";
import { createInstallation } from "./installation.ts";
import type { HeadraceProcess } from "./process.ts";
import { privateStores } from "./stores.ts";
import type { TemporaryStores } from "./temporary-stores.ts";

export interface AsApplicationRole {
  stores: TemporaryStores;
  headrace: HeadraceProcess;
  /** Runs SQL in the installation's database as the superuser. */
  admin(sql: string): Promise<Record<string, unknown>[]>;
  /** Runs SQL in another database, for statements that the installation's own database does not allow. */
  fromOutside(sql: string): Promise<Record<string, unknown>[]>;
  /** Opens a superuser's connection to the installation's database, closed when the test ends. */
  connect(): Promise<pg.Client>;
}

/**
 * A process on private stores whose login role `app` owns nothing; the role `owner` migrates. Unlike a superuser it
 * is bound by the settings of roles and databases.
 */
export async function startAsApplicationRole(options: {
  roles: string;
  /** The tablespace of the database `installation`. */
  tablespace?: (stores: TemporaryStores) => Promise<string>;
}): Promise<AsApplicationRole> {
  const stores = await privateStores();
  const tablespace = (await options.tablespace?.(stores)) ?? "pg_default";
  await run(
    stores.superuserUrl,
    "CREATE ROLE owner LOGIN CREATEROLE PASSWORD 'x'; CREATE ROLE app LOGIN PASSWORD 'x'",
  );
  await run(stores.superuserUrl, `CREATE DATABASE installation OWNER owner TABLESPACE ${tablespace}`);
  const urlOf = (user?: string): string => {
    const url = new URL(stores.superuserUrl);
    url.pathname = "installation";
    if (user !== undefined) [url.username, url.password] = [user, "x"];
    return url.href;
  };
  const { start } = await createInstallation({ databaseUrl: urlOf("app"), redisUrl: stores.redisUrl });
  const headrace = await start({
    roles: options.roles,
    env: { HEADRACE_MIGRATION_DATABASE_URL: urlOf("owner") },
  });
  async function connect(): Promise<pg.Client> {
    const client = new pg.Client(urlOf());
    client.on("error", () => {});
    await client.connect();
    onTestFinished(() => client.end().catch(() => {}));
    return client;
  }
  return {
    stores,
    headrace,
    connect,
    admin: (sql) => run(urlOf(), sql),
    fromOutside: (sql) => run(stores.superuserUrl, sql),
  };
}

/** Runs statements and returns the rows of the last one. */
async function run(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return [await client.query(sql)].flat().at(-1)?.rows ?? [];
  } finally {
    await client.end();
  }
}
