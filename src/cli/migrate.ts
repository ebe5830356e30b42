import { HeadraceError } from "../domain/errors.ts";
import { DEFAULT_BOUNDS } from "../wiring/bounds.ts";
import { readConfig } from "../wiring/config.ts";
import { migrateStores } from "../wiring/prepare-postgres.ts";
import { reachPostgres } from "../wiring/reach-postgres.ts";

/** `headrace migrate`: runs the pending migrations and prints their names. */
export async function runMigrate(options: { json?: boolean }): Promise<void> {
  const { databaseUrl, migrationDatabaseUrl } = readConfig(process.env);
  if (databaseUrl === undefined)
    throw new HeadraceError("invalid_setting", "DATABASE_URL is not set: nothing to migrate");
  const settledUrl = await reachPostgres(databaseUrl, "DATABASE_URL");
  const applied = await migrateStores({
    databaseUrl: settledUrl,
    ownerUrl:
      migrationDatabaseUrl === undefined
        ? settledUrl
        : await reachPostgres(migrationDatabaseUrl, "HEADRACE_MIGRATION_DATABASE_URL"),
    daysAhead: DEFAULT_BOUNDS.partitions.daysAhead,
  });
  if (options.json) console.log(JSON.stringify({ applied }));
  else console.log(applied.length === 0 ? "The schema is up to date." : `Applied: ${applied.join(", ")}`);
}
