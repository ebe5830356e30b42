import { readConfig } from "../app/config.js";
import { HeadraceError } from "../app/errors.js";
import { DEFAULT_LIMITS } from "../app/limits.js";
import { migrateStores } from "../app/stores.js";
/** `headrace migrate`: runs the migrations that the database has not seen, and says which. */
export async function runMigrate(options) {
    const { databaseUrl, migrationDatabaseUrl } = readConfig(process.env);
    if (databaseUrl === undefined)
        throw new HeadraceError("invalid_setting", "DATABASE_URL is not set: nothing to migrate");
    const applied = await migrateStores({
        databaseUrl,
        ownerUrl: migrationDatabaseUrl ?? databaseUrl,
        daysAhead: DEFAULT_LIMITS.partitions.daysAhead,
    });
    if (options.json)
        console.log(JSON.stringify({ applied }));
    else
        console.log(applied.length === 0 ? "The schema is up to date." : `Applied: ${applied.join(", ")}`);
}
//# sourceMappingURL=migrate.js.map