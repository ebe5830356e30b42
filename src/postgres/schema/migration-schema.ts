import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * Returns the schema of the tables: the first of the connection's search_path. Throws `store_unsuitable`, with the
 * statement to run, if there is none, if the user may not create tables in it, or if it has another owner's tables.
 */
export async function migrationSchema(client: pg.Client): Promise<string> {
  const { rows } = await client.query<{
    schema: string | null;
    path: string;
    user: string;
    may_create: boolean;
    owner: string | null;
    is_owner: boolean;
    columns: string[];
  }>(
    `SELECT s.schema, current_setting('search_path') AS path, current_user::text AS "user",
      coalesce(has_schema_privilege(s.schema, 'CREATE'), false) AS may_create,
      pg_get_userbyid(c.relowner)::text AS owner, coalesce(pg_has_role(c.relowner, 'USAGE'), true) AS is_owner,
      ARRAY(SELECT attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0) AS columns
      FROM (SELECT current_schema()::text AS schema) s
      LEFT JOIN pg_class c ON c.relname = 'schema_migrations'
        AND c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = s.schema)`,
  );
  const row = rows[0];
  if (row === undefined) throw new HeadraceError("store_unavailable", "PostgreSQL returned no row");
  const { schema, path, user, may_create: mayCreate, owner, is_owner: isOwner, columns } = row;
  const role = pg.escapeIdentifier(user);
  if (schema === null) {
    throw unsuitable(
      `User "${user}" can use no schema of its search_path (${path}): create it with CREATE SCHEMA name AUTHORIZATION ${role}, or run GRANT USAGE, CREATE ON SCHEMA name TO ${role}`,
    );
  }
  if (owner !== null && !(columns.includes("name") && columns.includes("checksum"))) {
    throw unsuitable(
      `Schema "${schema}" has a table schema_migrations of another program: give Headrace a database of its own, or a schema: CREATE SCHEMA headrace AUTHORIZATION ${role}, and ?options=-c%20search_path=headrace in the URL`,
    );
  }
  if (!isOwner) {
    throw unsuitable(
      `The tables in schema "${schema}" belong to user "${owner}", not to "${user}": set HEADRACE_MIGRATION_DATABASE_URL to a connection of "${owner}"`,
    );
  }
  if (!mayCreate) {
    const grant = `GRANT USAGE, CREATE ON SCHEMA ${pg.escapeIdentifier(schema)} TO ${role}`;
    throw unsuitable(
      `User "${user}" may not create tables in schema "${schema}": as its owner, or the database's, run ${grant}`,
    );
  }
  return schema;
}

function unsuitable(message: string): HeadraceError {
  return new HeadraceError("store_unsuitable", message);
}
