import type { TestProject } from "vitest/node";
import { makeMigratedDatabase } from "./migrated-template.ts";
import { makeStoresTemplate, startTemporaryStores } from "./temporary-stores.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** Stores of the project. Each worker uses one of them. */
    stores: { databaseUrl: string; superuserUrl: string; redisUrl: string }[];
    stockPostgres: boolean;
    /** The data that private stores are copied from. */
    storesTemplate: string;
  }
}

/** The 100 connections of a stock PostgreSQL serve so many workers at once. */
const WORKERS_PER_STOCK_POSTGRES = 2;

/**
 * One PostgreSQL and one Redis for the whole project, or more if its PostgreSQL is stock, gone with it. HEADRACE_TEST_POSTGRES=stock in the project's
 * environment asks for the machine's own PostgreSQL with every default; HEADRACE_TEST_PG_BINDIR names the folder of
 * another one's binaries.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const environment: Record<string, unknown> | undefined = project.config.env;
  const stock = environment?.["HEADRACE_TEST_POSTGRES"] === "stock";
  const choice = { stock, binDirectory: process.env["HEADRACE_TEST_PG_BINDIR"] };
  const template = await makeStoresTemplate(choice);
  const count = stock ? Math.ceil(project.config.maxWorkers / WORKERS_PER_STOCK_POSTGRES) : 1;
  const started = await Promise.all(
    Array.from({ length: count }, () => startTemporaryStores(choice, template.directory)),
  );
  await Promise.all(started.map(makeMigratedDatabase));
  const urls = started.map(({ databaseUrl, superuserUrl, redisUrl }) => ({
    databaseUrl,
    superuserUrl,
    redisUrl,
  }));
  project.provide("stores", urls);
  project.provide("stockPostgres", stock);
  project.provide("storesTemplate", template.directory);
  return async () => {
    await Promise.all(started.map((stores) => stores.remove()));
    template.remove();
  };
}
