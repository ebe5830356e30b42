import type pg from "pg";

/** A user that row-level security does not restrict. */
export interface UnboundUser {
  user: string;
  right: "SUPERUSER" | "BYPASSRLS";
}

/** Returns the connection's user, or the role that it takes, if row-level security does not restrict it. */
export async function findUnboundUser(client: pg.Client): Promise<UnboundUser | undefined> {
  const { rows } = await client.query<UnboundUser>(
    `SELECT rolname::text AS "user", CASE WHEN rolsuper THEN 'SUPERUSER' ELSE 'BYPASSRLS' END AS right
      FROM pg_roles WHERE rolname IN (session_user, current_user) AND (rolsuper OR rolbypassrls)
      ORDER BY rolsuper DESC LIMIT 1`,
  );
  return rows[0];
}
