import pg from "pg";
import type { Logger } from "../runtime/logger.ts";

/**
 * Planner settings of the login role in Headrace's database. They stand on the role, not in the session, so that they
 * hold behind a pooler in transaction mode and reach nobody else's database. Statements are right without them, and
 * slower.
 */
const ROLE_SETTINGS = {
  // No statement of the pipeline runs long enough to repay its compilation.
  jit: "off",
  // Planning a statement over every partition takes longer than the rows that it touches.
  plan_cache_mode: "force_generic_plan",
  // A generic plan is kept while its table grows: it should use the index although the table is still small.
  random_page_cost: "1.1",
};

/**
 * Stores the settings for the user of `url` in its database, where they differ. New connections have them. A role may
 * change its own settings without any right; where the server refuses all the same, that is logged and nothing else.
 */
export async function ensureRoleSettings(url: string, log: Logger): Promise<void> {
  const client = new pg.Client({ connectionString: url, application_name: "headrace-migrate" });
  client.on("error", () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ database: string; role: string; settings: string[] | null }>(
      `SELECT current_database() AS database, current_user AS role,
        (SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
          WHERE d.datname = current_database() AND s.setrole = current_user::regrole) AS settings`,
    );
    const [row] = rows;
    if (row === undefined) return;
    const target = `${pg.escapeIdentifier(row.role)} IN DATABASE ${pg.escapeIdentifier(row.database)}`;
    for (const [name, value] of Object.entries(ROLE_SETTINGS)) {
      if (row.settings?.includes(`${name}=${value}`)) continue;
      await client.query(`ALTER ROLE ${target} SET ${name} = ${value}`);
    }
  } catch (error) {
    log.info({ err: error }, "planner settings could not be stored on the database role");
  } finally {
    await client.end().catch(() => {});
  }
}
