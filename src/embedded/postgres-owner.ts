import pg from "pg";

/** The ordinary role that the program uses. It owns its database and may create the roles of the migrations. */
export const OWNER = "headrace";
export const SUPERUSER = "postgres";
export const DATABASE = "headrace";

/** Returns the statements that create the owner and its database, in the format of `postgres --single -j`. */
export function ownerStatements(password: string): string {
  return `${createOwner(password)};\n\nCREATE DATABASE ${DATABASE} OWNER ${OWNER};\n\n`;
}

/**
 * Demotes the owner in data of an earlier version, where it was the superuser. The superuser is renamed to `postgres`, with
 * the given password, and its objects in the database go to a new ordinary role with the name and password of the owner.
 * Runs in one transaction. Does nothing if the owner is no superuser.
 */
export async function demoteOwner(
  client: pg.Client,
  passwords: { owner: string; superuser: string },
): Promise<void> {
  const { rows } = await client.query("SELECT rolsuper FROM pg_roles WHERE rolname = session_user");
  if (rows[0]?.rolsuper !== true) return;
  // A role cannot rename itself, so a temporary role does it.
  await client.query(`BEGIN;
    CREATE ROLE headrace_demotion SUPERUSER;
    SET LOCAL SESSION AUTHORIZATION headrace_demotion;
    ALTER ROLE ${OWNER} RENAME TO ${SUPERUSER};
    SET LOCAL SESSION AUTHORIZATION ${SUPERUSER};
    DROP ROLE headrace_demotion;
    ALTER ROLE ${SUPERUSER} PASSWORD ${pg.escapeLiteral(passwords.superuser)};
    ${createOwner(passwords.owner)};
    ALTER DATABASE ${DATABASE} OWNER TO ${OWNER}`);
  for (const statement of await ownershipStatements(client)) await client.query(statement);
  await client.query("COMMIT");
}

function createOwner(password: string): string {
  return `CREATE ROLE ${OWNER} LOGIN CREATEROLE PASSWORD ${pg.escapeLiteral(password)}`;
}

/** Returns the statements that transfer the roles and objects of the current role. Sequences of columns follow their tables. */
async function ownershipStatements(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ statement: string }>(
    `WITH schemas AS (SELECT oid, nspname, nspowner FROM pg_namespace
        WHERE nspname !~ '^pg_' AND nspname <> 'information_schema'),
      parts AS (SELECT classid, objid FROM pg_depend WHERE deptype IN ('a', 'e', 'i') AND objsubid = 0),
      objects AS (
        SELECT 1 AS position, format('GRANT %I TO ${OWNER} WITH ADMIN OPTION', rolname) AS command, '' AS suffix
          FROM pg_roles WHERE rolname IN ('headrace_api', 'headrace_pipeline')
        UNION ALL SELECT 2, format('ALTER SCHEMA %I', nspname), ' OWNER TO ${OWNER}'
          FROM schemas WHERE nspowner = current_user::regrole
        UNION ALL SELECT 3, format('ALTER TABLE %s', c.oid::regclass), ' OWNER TO ${OWNER}'
          FROM pg_class c JOIN schemas s ON s.oid = c.relnamespace
          WHERE c.relowner = current_user::regrole AND c.relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
            AND (c.relkind <> 'S' OR ('pg_class'::regclass, c.oid) NOT IN (SELECT classid, objid FROM parts))
        UNION ALL SELECT 4, format('ALTER ROUTINE %s', p.oid::regprocedure), ' OWNER TO ${OWNER}'
          FROM pg_proc p JOIN schemas s ON s.oid = p.pronamespace
          WHERE p.proowner = current_user::regrole
            AND ('pg_proc'::regclass, p.oid) NOT IN (SELECT classid, objid FROM parts)
        UNION ALL SELECT 5, format('ALTER TYPE %s', t.oid::regtype), ' OWNER TO ${OWNER}'
          FROM pg_type t JOIN schemas s ON s.oid = t.typnamespace
          WHERE t.typowner = current_user::regrole AND (t.typtype IN ('d', 'e', 'r')
            OR t.typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = t.typrelid AND c.relkind = 'c'))
            AND ('pg_type'::regclass, t.oid) NOT IN (SELECT classid, objid FROM parts))
      SELECT command || suffix AS statement FROM objects ORDER BY position`,
  );
  return rows.map(({ statement }) => statement);
}
