import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import pg from "pg";
import { inject, onTestFinished } from "vitest";
import { storePlannerSettings } from "../../src/postgres/schema/role-settings.ts";
import { MIGRATED_DATABASE } from "./migrated-template.ts";
import { type PostgresChoice, startTemporaryStores, type TemporaryStores } from "./temporary-stores.ts";

const POSTGRES_15 = "/usr/lib/postgresql/15/bin";

/** The Redis that tests share. */
export function testRedisUrl(): string {
  return sharedStores().redisUrl;
}

/** The stores that tests of this worker share. */
export function sharedStores() {
  const stores = inject("stores");
  return stores[Number(process.env["VITEST_POOL_ID"]) % stores.length] as (typeof stores)[number];
}

/** A new empty database in the shared PostgreSQL. */
export function createEmptyDatabase(): Promise<OwnDatabase> {
  return create("template1");
}

/** A new database in the shared PostgreSQL, with the latest schema and today's partitions. */
export async function createDatabase(): Promise<OwnDatabase> {
  const made = await create(MIGRATED_DATABASE);
  // Gives it Redis keys of its own.
  await withClient(made.url, async (client) => {
    await client.query("UPDATE installation SET id = DEFAULT");
    await storePlannerSettings(client);
  });
  return made;
}

interface OwnDatabase {
  url: string;
  drop(): Promise<void>;
}

async function create(template: string): Promise<OwnDatabase> {
  const { databaseUrl, superuserUrl } = sharedStores();
  const name = `test_${randomBytes(6).toString("hex")}`;
  const url = new URL(databaseUrl);
  url.pathname = name;
  await query(databaseUrl, `CREATE DATABASE ${name} TEMPLATE ${template} STRATEGY FILE_COPY`);
  // Only a superuser can end autovacuum workers in the database.
  return { url: url.href, drop: () => query(superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Private stores that the test can kill and restart, removed when it ends. By default of the project's kind. */
export async function privateStores(postgres?: PostgresChoice): Promise<TemporaryStores> {
  const stores =
    postgres === undefined
      ? await startTemporaryStores({ stock: inject("stockPostgres") }, inject("storesTemplate"))
      : await startTemporaryStores(postgres);
  onTestFinished(stores.remove, 60_000);
  return stores;
}

/** The oldest supported PostgreSQL, if the machine has it, removed when the test ends. */
export async function postgres15(): Promise<TemporaryStores> {
  return await privateStores({ binDirectory: POSTGRES_15 });
}

/** Whether this machine has the binaries of `postgres15`. */
export const hasPostgres15 = existsSync(`${POSTGRES_15}/postgres`);

function query(url: string, text: string): Promise<void> {
  return withClient(url, async (client) => {
    await client.query(text);
  });
}

async function withClient(url: string, work: (client: pg.Client) => Promise<void>): Promise<void> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    await work(client);
  } finally {
    await client.end();
  }
}
