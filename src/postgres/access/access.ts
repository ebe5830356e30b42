import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";

/** The roles that statements run as: a request of the API takes the first, the program is a member of the second. */
const ROLES = ["headrace_api", "headrace_pipeline"] as const;

/** The users of the tables, and the tables' schema. */
export interface Access {
  schema: string;
  /** The users that the program logs in as, and becomes by a `role` setting. */
  users: readonly string[];
  /** The functions that the migrations make. */
  functions: readonly string[];
}

/**
 * Grants the users both roles, and the roles and users access to the schema and its functions. Grants only missing
 * rights, so that it may run at every start. Throws `store_unsuitable` with the statement that a user with more
 * rights has to run.
 */
export async function grantAccess(client: pg.Client, access: Access): Promise<void> {
  for (const user of access.users) {
    for (const role of ROLES) await grantRole(client, role, user);
  }
  for (const role of [...ROLES, ...access.users]) await grantSchema(client, access.schema, role);
  await grantFunctions(client, access);
}

/** Throws `store_unsuitable` if the two roles are missing and the user may not create them. */
export async function refuseMissingRoles(client: pg.Client): Promise<void> {
  const { rows } = await client.query<{ missing: string[]; may_create: boolean; user: string }>(
    `SELECT ARRAY(SELECT name FROM unnest($1::text[]) AS name WHERE NOT EXISTS (
        SELECT FROM pg_roles WHERE rolname = name)) AS missing,
      rolcreaterole OR rolsuper AS may_create, rolname::text AS "user"
      FROM pg_roles WHERE rolname = current_user`,
    [ROLES],
  );
  const row = rows[0];
  if (row === undefined || row.may_create || row.missing.length === 0) return;
  const user = pg.escapeIdentifier(row.user);
  const create = row.missing.map((name) => `CREATE ROLE ${name} NOLOGIN; `).join("");
  throw new HeadraceError(
    "store_unsuitable",
    `PostgreSQL user ${user} may not make the roles that Headrace needs: as a superuser run ${create}GRANT ${ROLES.join(", ")} TO ${user} WITH ADMIN OPTION; or ALTER ROLE ${user} CREATEROLE`,
  );
}

async function grantRole(client: pg.Client, role: string, user: string): Promise<void> {
  if (await hasRole(client, role, user)) return;
  const major = await serverMajor(client);
  const grantee = `${pg.escapeIdentifier(user)}${major >= 16 ? " WITH INHERIT TRUE, SET TRUE" : ""}`;
  const error = await attempt(client, `GRANT ${role} TO ${grantee}`);
  if (await hasRole(client, role, user)) return;
  const inherits = await client.query("SELECT rolinherit FROM pg_roles WHERE rolname = $1", [user]);
  const way =
    error === undefined && major < 16 && inherits.rows[0]?.rolinherit === false
      ? `ALTER ROLE ${pg.escapeIdentifier(user)} INHERIT`
      : `GRANT ${ROLES.join(", ")} TO ${grantee}`;
  throw new HeadraceError(
    "store_unsuitable",
    `PostgreSQL user "${user}" is not a member of ${role} with all that it may do${error === undefined ? "" : ` (${error.message})`}: as a superuser run ${way}`,
  );
}

/** Whether the user has the role's rights and may become it. */
async function hasRole(client: pg.Client, role: string, user: string): Promise<boolean> {
  const become = (await serverMajor(client)) >= 16 ? "SET" : "MEMBER";
  const { rows } = await client.query(
    "SELECT pg_has_role($1, $2, 'USAGE') AND pg_has_role($1, $2, $3) AS has",
    [user, role, become],
  );
  return rows[0].has;
}

async function grantSchema(client: pg.Client, schema: string, role: string): Promise<void> {
  const has = async () =>
    (await client.query("SELECT has_schema_privilege($1, $2, 'USAGE') AS has", [role, schema])).rows[0].has;
  if (await has()) return;
  const grant = `GRANT USAGE ON SCHEMA ${pg.escapeIdentifier(schema)} TO ${pg.escapeIdentifier(role)}`;
  await attempt(client, grant);
  // Without the right to grant, PostgreSQL only warns.
  if (await has()) return;
  throw new HeadraceError(
    "store_unsuitable",
    `PostgreSQL role "${role}" may not use the schema "${schema}": as its owner run ${grant}`,
  );
}

/**
 * Needed where PUBLIC has no rights on new functions by default. Functions that run as their owner are granted to the
 * pipeline only.
 */
async function grantFunctions(client: pg.Client, { functions, schema }: Access): Promise<void> {
  const { rows } = await client.query<{ signature: string; role: string }>(
    `SELECT p.oid::regprocedure::text AS signature, r.role
      FROM pg_proc p CROSS JOIN unnest($1::text[]) AS r (role)
      WHERE p.pronamespace = quote_ident($2)::regnamespace AND p.proname = ANY ($3)
        AND NOT has_function_privilege(r.role, p.oid, 'EXECUTE')
        AND (NOT p.prosecdef OR r.role = 'headrace_pipeline')`,
    [ROLES, schema, functions],
  );
  for (const { signature, role } of rows) {
    const grant = `GRANT EXECUTE ON FUNCTION ${signature} TO ${role}`;
    const error = await attempt(client, grant);
    if (error === undefined) continue;
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL role ${role} may not call ${signature} (${error.message}): as its owner run ${grant}`,
    );
  }
}

/** Runs a statement in a savepoint, so that its failure does not abort the transaction; returns the failure. */
async function attempt(client: pg.Client, statement: string): Promise<Error | undefined> {
  await client.query("SAVEPOINT attempt");
  try {
    await client.query(statement);
    return undefined;
  } catch (error) {
    await client.query("ROLLBACK TO SAVEPOINT attempt");
    return error as Error;
  }
}

async function serverMajor(client: pg.Client): Promise<number> {
  const { rows } = await client.query("SELECT current_setting('server_version_num')::int / 10000 AS major");
  return rows[0].major;
}

/**
 * Checks as the program's own user that it finds the tables by name and may read them, and that the API's role may.
 * Throws `store_unsuitable` in one line with the remedy. Changes nothing.
 */
export async function refuseMissingAccess(client: pg.Client, schema: string): Promise<void> {
  const { rows } = await client.query(
    `SELECT session_user AS "user", n.nspname AS found, current_setting('search_path') AS path
      FROM (SELECT to_regclass('installation') AS oid) t
      LEFT JOIN pg_class c ON c.oid = t.oid LEFT JOIN pg_namespace n ON n.oid = c.relnamespace`,
  );
  const { user, found, path } = rows[0];
  if (found !== schema) {
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL user "${user}" does not find the tables, which are in schema "${schema}", by its search_path (${path}): run ALTER ROLE ${pg.escapeIdentifier(user)} SET search_path = ${pg.escapeIdentifier(schema)}`,
    );
  }
  await client.query("BEGIN READ ONLY");
  try {
    await refuseUnreadable(client, { schema, role: "headrace_pipeline" });
    await client.query("SET LOCAL ROLE headrace_api");
    await refuseUnreadable(client, { schema, role: "headrace_api" });
  } catch (error) {
    if (error instanceof HeadraceError) throw error;
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL user "${user}" cannot work with the tables in schema "${schema}": ${(error as Error).message}`,
      { cause: error },
    );
  } finally {
    await client.query("ROLLBACK");
  }
}

/** Checks, as the current role, every table that a policy of row-level security opens to the role. */
async function refuseUnreadable(
  client: pg.Client,
  { schema, role }: { schema: string; role: string },
): Promise<void> {
  const { rows } = await client.query<{ name: string }>(
    `SELECT c.relname::text AS name FROM pg_class c
      WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1)
        AND (c.relname = ANY (ARRAY['tenants', 'connectors', 'change_counters'])
          OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid
            AND (SELECT oid FROM pg_roles WHERE rolname = $2) = ANY (p.polroles)))
        AND NOT has_table_privilege(c.oid, 'SELECT') ORDER BY name`,
    [schema, role],
  );
  const [table] = rows;
  if (table !== undefined) {
    throw new HeadraceError(
      "store_unsuitable",
      `PostgreSQL role ${role} may not read ${table.name}: as its owner run GRANT SELECT, INSERT, UPDATE, DELETE ON ${pg.escapeIdentifier(schema)}.${pg.escapeIdentifier(table.name)} TO ${role}`,
    );
  }
  // Finds the table by name: the right to use the schema counts too.
  await client.query("SELECT FROM tenants LIMIT 0");
}
