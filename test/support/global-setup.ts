import type { TestProject } from "vitest/node";
import { makeMigratedDatabase } from "./migrated-template.ts";
import { startTemporaryStores } from "./temporary-stores.ts";

declare module "vitest" {
  interface ProvidedContext {
    databaseUrl: string;
    redisUrl: string;
  }
}

/**
 * One PostgreSQL and one Redis for the whole run, gone with it. HEADRACE_TEST_PG_BINDIR names the folder of another
 * PostgreSQL's binaries.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const stores = await startTemporaryStores(process.env["HEADRACE_TEST_PG_BINDIR"]);
  await makeMigratedDatabase(stores.databaseUrl);
  project.provide("databaseUrl", stores.databaseUrl);
  project.provide("redisUrl", stores.redisUrl);
  return stores.remove;
}
