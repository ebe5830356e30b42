import pg from "pg";

/**
 * Planner settings of the login role in Headrace's database. They are set on the role, not in the session, so that
 * they also hold behind a pooler in transaction mode and affect no other database. Statements are correct without
 * them, and slower.
 */
const PLANNER_SETTINGS: Readonly<Record<string, string>> = {
  // No statement of the pipeline runs long enough to repay its compilation.
  jit: "off",
  // Planning a statement over every partition takes longer than the rows that it touches.
  plan_cache_mode: "force_generic_plan",
  // A generic plan is kept while its table grows: it should use the index although the table is still small.
  random_page_cost: "1.1",
};

/**
 * Stores the planner settings that differ for the connection's user in its database; new connections have them. A
 * role may change its own settings without any right. Returns the server's reason if it refuses.
 */
export async function storePlannerSettings(client: pg.Client): Promise<string | undefined> {
  const { rows } = await client.query<{ database: string; role: string; settings: string[] | null }>(
    `SELECT current_database() AS database, session_user AS role,
      (SELECT setconfig FROM pg_db_role_setting s JOIN pg_database d ON d.oid = s.setdatabase
        WHERE d.datname = current_database() AND s.setrole = session_user::regrole) AS settings`,
  );
  const [{ database = "", role = "", settings = null } = {}] = rows;
  const target = `${pg.escapeIdentifier(role)} IN DATABASE ${pg.escapeIdentifier(database)}`;
  try {
    for (const [name, value] of Object.entries(PLANNER_SETTINGS)) {
      if (settings?.includes(`${name}=${value}`)) continue;
      await client.query(`ALTER ROLE ${target} SET ${name} = ${value}`);
    }
    return undefined;
  } catch (error) {
    if (error instanceof pg.DatabaseError) return error.message;
    throw error;
  }
}
