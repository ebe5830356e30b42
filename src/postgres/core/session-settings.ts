import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";

/** A setting that statements depend on, and the value to set if the server's does not suit. */
interface NeededSetting {
  suits: (value: string) => boolean;
  needed: string;
}

/** Shorter time limits of the server would end statements that Headrace allows this long, ms. */
const SHORTEST_LIMIT_MS = 10_000;

const isOn: NeededSetting = { suits: (value) => value === "on", needed: "on" };
const timeLimit: NeededSetting = {
  suits: (value) => Number(value) === 0 || Number(value) >= SHORTEST_LIMIT_MS,
  needed: "0",
};

/** By name; names that the server does not know are ignored. */
const NEEDED: Readonly<Record<string, NeededSetting>> = {
  array_nulls: isOn,
  default_transaction_isolation: {
    suits: (value) => value === "read committed",
    needed: "read committed",
  },
  extra_float_digits: { suits: (value) => Number(value) > 0, needed: "1" },
  idle_in_transaction_session_timeout: timeLimit,
  idle_session_timeout: {
    suits: (value) => Number(value) === 0 || Number(value) >= 120_000,
    needed: "0",
  },
  lock_timeout: timeLimit,
  row_security: isOn,
  statement_timeout: timeLimit,
  // A response to a delivery promises that a crash of the server does not lose the event.
  synchronous_commit: { suits: (value) => value !== "off", needed: "on" },
  transaction_timeout: timeLimit,
};

/**
 * Sets the settings that Headrace needs, and that differ, for the connection's user in this database alone: this also
 * holds behind a pooler, and affects no other program. Returns the names that it set; they take effect on new
 * connections. Throws `store_unsuitable` if sessions are read-only, which an operator or a full disk caused.
 */
export async function adjustSessionSettings(client: pg.Client): Promise<string[]> {
  await refuseReadOnly(client);
  const unsuited = await unsuitedSettings(client);
  for (const name of unsuited) {
    const statement = await alterRole(client, name);
    await client.query(`BEGIN READ WRITE; ${statement}; COMMIT`);
  }
  return unsuited;
}

/** Throws `store_unsuitable` if a setting still does not suit: a pooler keeps old connections. */
export async function refuseUnsuitedSettings(client: pg.Client): Promise<void> {
  const [name] = await unsuitedSettings(client);
  if (name === undefined) return;
  throw new HeadraceError(
    "store_unsuitable",
    `PostgreSQL's ${name} does not suit Headrace on connections that a pooler opened before it was set: run RECONNECT in the pooler's console, then start again`,
  );
}

async function refuseReadOnly(client: pg.Client): Promise<void> {
  const { rows } = await client.query(
    `SELECT current_setting('default_transaction_read_only') = 'on' AS read_only,
      session_user AS "user", current_database() AS database`,
  );
  const { read_only: readOnly, user, database } = rows[0];
  if (!readOnly) return;
  const way = `ALTER ROLE ${pg.escapeIdentifier(user)} IN DATABASE ${pg.escapeIdentifier(database)} SET default_transaction_read_only = off`;
  throw new HeadraceError(
    "store_unsuitable",
    `PostgreSQL is read-only for user "${user}" (default_transaction_read_only is on): when it may be written to, run ${way}`,
  );
}

async function unsuitedSettings(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query<{ name: string; setting: string }>(
    "SELECT name, setting FROM pg_settings WHERE name = ANY ($1) ORDER BY name",
    [Object.keys(NEEDED)],
  );
  return rows.filter(({ name, setting }) => !NEEDED[name]?.suits(setting)).map(({ name }) => name);
}

async function alterRole(client: pg.Client, name: string): Promise<string> {
  const { rows } = await client.query(`SELECT session_user AS "user", current_database() AS database`);
  const role = `${pg.escapeIdentifier(rows[0].user)} IN DATABASE ${pg.escapeIdentifier(rows[0].database)}`;
  return `ALTER ROLE ${role} SET ${name} = ${pg.escapeLiteral(NEEDED[name]?.needed ?? "")}`;
}
