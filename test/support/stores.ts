import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import pg from "pg";
import { inject, onTestFinished } from "vitest";
import { storePlannerSettings } from "../../src/postgres/schema/role-settings.ts";
import { MIGRATED_DATABASE } from "./migrated-template.ts";
import { type PostgresChoice, startTemporaryStores, type TemporaryStores } from "./temporary-stores.ts";

const POSTGRES_15 = "/usr/lib/postgresql/15/bin";

/** The Redis that the whole run shares. */
export function testRedisUrl(): string {
  return inject("redisUrl");
}

/** An empty database of its own in the run's PostgreSQL. */
export function createEmptyDatabase(): Promise<OwnDatabase> {
  return create("template1");
}

/** A database of its own in the run's PostgreSQL, with the newest schema and today's partitions. */
export async function createDatabase(): Promise<OwnDatabase> {
  const made = await create(MIGRATED_DATABASE);
  // Its Redis keys are its own.
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
  const postgresUrl = inject("databaseUrl");
  const superuserUrl = inject("superuserUrl");
  const name = `test_${randomBytes(6).toString("hex")}`;
  const url = new URL(postgresUrl);
  url.pathname = name;
  await query(postgresUrl, `CREATE DATABASE ${name} TEMPLATE ${template}`);
  // An owner may not end the work of autovacuum in its database, which is a superuser's.
  return { url: url.href, drop: () => query(superuserUrl, `DROP DATABASE ${name} WITH (FORCE)`) };
}

/** Stores that the test may kill and restart, of the project's kind unless another is asked for; gone when it ends. */
export async function privateStores(postgres?: PostgresChoice): Promise<TemporaryStores> {
  const stores =
    postgres === undefined
      ? await startTemporaryStores({ stock: inject("stockPostgres") }, inject("storesTemplate"))
      : await startTemporaryStores(postgres);
  onTestFinished(stores.remove, 60_000);
  return stores;
}

/** The oldest PostgreSQL that is supported, where the machine has it; gone when the test ends. */
export async function postgres15(): Promise<TemporaryStores> {
  return await privateStores({ binDirectory: POSTGRES_15 });
}

/** Whether `postgres15` has something to run. */
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
