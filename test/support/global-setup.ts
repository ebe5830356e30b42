import type { TestProject } from "vitest/node";
import { makeMigratedDatabase } from "./migrated-template.ts";
import { makeStoresTemplate, startTemporaryStores } from "./temporary-stores.ts";

declare module "vitest" {
  interface ProvidedContext {
    databaseUrl: string;
    superuserUrl: string;
    redisUrl: string;
    stockPostgres: boolean;
    /** The data that private stores are copied from. */
    storesTemplate: string;
  }
}

/**
 * One PostgreSQL and one Redis for the whole project, gone with it. HEADRACE_TEST_POSTGRES=stock in the project's
 * environment asks for the machine's own PostgreSQL with every default; HEADRACE_TEST_PG_BINDIR names the folder of
 * another one's binaries.
 */
export default async function setUp(project: TestProject): Promise<() => Promise<void>> {
  const environment: Record<string, unknown> | undefined = project.config.env;
  const stock = environment?.["HEADRACE_TEST_POSTGRES"] === "stock";
  const choice = { stock, binDirectory: process.env["HEADRACE_TEST_PG_BINDIR"] };
  const template = await makeStoresTemplate(choice);
  const stores = await startTemporaryStores(choice, template.directory);
  await makeMigratedDatabase(stores);
  project.provide("databaseUrl", stores.databaseUrl);
  project.provide("superuserUrl", stores.superuserUrl);
  project.provide("redisUrl", stores.redisUrl);
  project.provide("stockPostgres", stock);
  project.provide("storesTemplate", template.directory);
  return async () => {
    await stores.remove();
    template.remove();
  };
}
