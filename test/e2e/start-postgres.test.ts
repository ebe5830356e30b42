import pg from "pg";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createLogger } from "../../src/runtime/logger.ts";
import { migrateStores, tryPostgres, warnOfUnboundUsers } from "../../src/wiring/prepare-postgres.ts";
import { builtProgram } from "../support/built.ts";
import { open } from "../support/database.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import {
  hasPackagedPostgres,
  type PackagedPostgres,
  packagedPostgres,
} from "../support/packaged-postgres.ts";
import { api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { privateStores } from "../support/stores.ts";
import { setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

let postgres: PackagedPostgres;
let made = 0;

/** A login role, and a database that it owns. */
async function owned(attributes = "CREATEROLE"): Promise<{ name: string; url: string }> {
  made += 1;
  const name = `owner_${made}`;
  await postgres.run(`CREATE ROLE ${name} LOGIN ${attributes} PASSWORD 's3cret'`);
  await postgres.run(`CREATE DATABASE ${name} OWNER ${name} TEMPLATE template0 ENCODING 'UTF8'`);
  return { name, url: `postgres://${name}:s3cret@127.0.0.1:${postgres.port}/${name}` };
}

/** Another user of the same database. */
async function another(url: string, attributes = ""): Promise<{ name: string; url: string }> {
  made += 1;
  const name = `app_${made}`;
  await postgres.run(`CREATE ROLE ${name} LOGIN ${attributes} PASSWORD 's3cret'`);
  return { name, url: url.replace(/\/\/\w+:/, `//${name}:`) };
}

async function prepare(databaseUrl: string, ownerUrl = databaseUrl): Promise<string[]> {
  const settled = await tryPostgres(databaseUrl, "DATABASE_URL");
  const settledOwner =
    ownerUrl === databaseUrl ? settled : await tryPostgres(ownerUrl, "HEADRACE_MIGRATION_DATABASE_URL");
  return await migrateStores({ databaseUrl: settled, ownerUrl: settledOwner, daysAhead: 1 });
}

/** The error of a refused start: one line without the password. */
async function refusal(databaseUrl: string, ownerUrl?: string): Promise<string> {
  const error = await prepare(databaseUrl, ownerUrl).then(
    () => undefined,
    (reason) => reason,
  );
  expect(error?.code).toMatch(/^(store_unsuitable|invalid_setting)$/);
  expect(error.message).not.toMatch(/\n|s3cret/);
  return error.message;
}

async function rowsOf(url: string, text: string): Promise<Record<string, unknown>[]> {
  const client = new pg.Client(url);
  await client.connect();
  try {
    return (await client.query(text)).rows;
  } finally {
    await client.end();
  }
}

/** Does the work of both roles: the pipeline writes, and the API reads and writes as headrace_api. */
async function works(url: string): Promise<void> {
  const database = open(url);
  try {
    await database.transaction((transaction) =>
      transaction.query({ text: "INSERT INTO tenants (id) VALUES ('acme') ON CONFLICT DO NOTHING" }),
    );
    await database.pipeline.query({
      name: "test-outbox",
      text: "INSERT INTO outbox (event_id, tenant_id, lane) VALUES (uuid7(clock_us()), $1, 1)",
      values: ["acme"],
    });
    const seen = await database.withTenant("acme", async (transaction) => {
      await transaction.query({ text: "UPDATE change_counters SET value = value" });
      return await transaction.query<{ visible_at: Date }>({ text: "SELECT visible_at FROM outbox" });
    });
    expect(seen.length).toBeGreaterThan(0);
    for (const { visible_at: at } of seen) expect(Math.abs(at.getTime() - Date.now())).toBeLessThan(60_000);
  } finally {
    await database.close();
  }
}

describe.skipIf(!hasPackagedPostgres)("a start on the distribution's PostgreSQL 15", () => {
  beforeAll(async () => {
    await builtProgram();
    postgres = await packagedPostgres();
  }, 120_000);
  afterAll(async () => {
    await postgres.stop();
  });

  test("a start migrates as an ordinary owner, and a second start has nothing to do", async () => {
    const { url } = await owned();
    expect((await prepare(url)).length).toBeGreaterThan(5);
    expect(await prepare(url)).toEqual([]);
    await works(url);
  });

  test("a start grants both roles the schema when PUBLIC has no rights, also after a revoke", async () => {
    const { name, url } = await owned();
    await postgres.run("REVOKE ALL ON SCHEMA public FROM PUBLIC", name);
    await prepare(url);
    await works(url);
    await postgres.run(
      "REVOKE ALL ON SCHEMA public FROM headrace_api, headrace_pipeline; REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA public FROM PUBLIC, headrace_api, headrace_pipeline",
      name,
    );
    await prepare(url);
    await works(url);
    const rights = await rowsOf(
      url,
      "SELECT has_function_privilege('headrace_api', 'drop_partitions(text)', 'EXECUTE') AS api",
    );
    expect(rights).toEqual([{ api: false }]);
  });

  test("a user who owns nothing can serve, and create and drop partitions", async () => {
    const { name, url } = await owned();
    await postgres.run("REVOKE ALL ON SCHEMA public FROM PUBLIC", name);
    const app = await another(url);
    await prepare(app.url, url);
    await works(app.url);
    // A day with a partition in only one table is completed, then dropped from all.
    await rowsOf(
      url,
      "CREATE TABLE events_20200101 PARTITION OF events FOR VALUES FROM ('016f5e66-e800-0000-0000-000000000000') TO ('016f638d-4400-0000-0000-000000000000')",
    );
    const [row] = await rowsOf(
      app.url,
      `SELECT 'runs_20200101' = ANY (make_partitions(1)) AS made,
        drop_day(partitioned_tables(), '_20200101', '016f5e66-e800-7000-8000-000000000000', '016f638d-4000-7000-8000-000000000000', 100) AS gone,
        to_regclass('events_20200101') AS left`,
    );
    expect(row).toMatchObject({ made: true, gone: "dropped" });
    await expect(rowsOf(app.url, "SELECT drop_partitions('')")).rejects.toThrow("is not that of a partition");
    const next = await another(url);
    expect(await refusal(next.url)).toContain(`GRANT USAGE, CREATE ON SCHEMA name TO "${next.name}"`);
    await postgres.run(`GRANT USAGE ON SCHEMA public TO ${next.name}`, name);
    expect(await refusal(next.url)).toContain(
      `belong to user "${name}", not to "${next.name}": set HEADRACE_MIGRATION_DATABASE_URL`,
    );
    await prepare(next.url, url);
    await works(next.url);
  });

  test.each(["role", "database", "options"])(
    "a start uses the schema in the search_path of the %s",
    async (where) => {
      const { name, url } = await owned();
      await postgres.run(
        `REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA "own-schema" AUTHORIZATION ${name}`,
        name,
      );
      if (where !== "options") await postgres.run(`ALTER ${where} ${name} SET search_path = "own-schema"`);
      const given = where === "options" ? `${url}?options=-c search_path=own-schema` : url;
      await prepare(given);
      await works(given);
      const schemas = await rowsOf(
        given,
        "SELECT DISTINCT n.nspname AS name FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.relname IN ('tenants', 'events')",
      );
      expect(schemas).toEqual([{ name: "own-schema" }]);
    },
  );

  test("statements work with unusual settings on the role and the database", async () => {
    const { name, url } = await owned();
    for (const setting of [
      "DateStyle = 'German, DMY'",
      "IntervalStyle = sql_standard",
      "TimeZone = 'Asia/Kathmandu'",
      "bytea_output = escape",
      "extra_float_digits = -3",
      "standard_conforming_strings = off",
      "default_transaction_isolation = serializable",
      "row_security = off",
      "array_nulls = off",
      "synchronous_commit = off",
      "statement_timeout = 50",
      "lock_timeout = 5",
      "idle_in_transaction_session_timeout = 20",
      "idle_session_timeout = 100",
      "lc_numeric = 'C'",
    ]) {
      await postgres.run(`ALTER ROLE ${name} SET ${setting}; ALTER DATABASE ${name} SET ${setting}`);
    }
    await prepare(url);
    await works(url);
    const database = open(url);
    try {
      const seen = await database.pipeline.query({
        text: `SELECT name, setting FROM pg_settings WHERE name IN ('DateStyle', 'TimeZone', 'statement_timeout',
          'default_transaction_isolation', 'synchronous_commit', 'row_security') ORDER BY lower(name)`,
      });
      expect(seen.map((row) => row["setting"])).toEqual([
        expect.stringMatching(/^ISO/),
        "read committed",
        "on",
        "0",
        "on",
        "UTC",
      ]);
      const [bytes] = await database.pipeline.query<{ bytes: Buffer }>({
        text: "SELECT '\\x00ff5c'::bytea AS bytes",
      });
      expect(bytes?.bytes.toString("hex")).toBe("00ff5c");
    } finally {
      await database.close();
    }
    // The role's settings in other databases stay.
    const elsewhere = await rowsOf(url.replace(/\w+$/, "postgres"), "SHOW statement_timeout");
    expect(elsewhere).toEqual([{ statement_timeout: "50ms" }]);
  });

  test("an event goes from delivery to run with unusual settings, schema and rights at once", async () => {
    const { name, url } = await owned();
    const app = await another(url);
    await postgres.run(
      `REVOKE ALL ON SCHEMA public FROM PUBLIC; CREATE SCHEMA own AUTHORIZATION ${name};
      ALTER DATABASE ${name} SET search_path = own; ALTER DATABASE ${name} SET DateStyle = 'SQL, DMY';
      ALTER DATABASE ${name} SET TimeZone = 'America/St_Johns'; ALTER DATABASE ${name} SET IntervalStyle = iso_8601;
      ALTER DATABASE ${name} SET standard_conforming_strings = off; ALTER DATABASE ${name} SET bytea_output = escape;
      ALTER ROLE ${app.name} SET default_transaction_isolation = serializable;
      ALTER ROLE ${app.name} SET statement_timeout = 20`,
      name,
    );
    const { start } = await createInstallation({ databaseUrl: `${app.url}?sslmode=require` });
    const headrace = await start({
      env: {
        HEADRACE_MIGRATION_DATABASE_URL: `postgres:///${name}?host=${postgres.folder}&port=${postgres.port}&user=${name}&password=s3cret`,
      },
    });
    const sink = await startSink();
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {
      all: shopFlow(sink.url),
    });
    const data = { text: "back\\slash 'quote' \u0001 ü" };
    const answer = await deliver(`${headrace.url}${webhookPath}`, { id: "m", type: "t", data });
    expect(answer?.status).toBe(200);
    await until("the run succeeded", async () => {
      const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs")) as {
        items: { status: string }[];
      };
      return items[0]?.status === "succeeded";
    });
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/events")) as {
      items: { received_at: string }[];
    };
    const [event] = items;
    expect(Math.abs(Date.parse(event?.received_at ?? "") - Date.now())).toBeLessThan(60_000);
    expect(sink.calls[0]?.event).toMatchObject({ data: { data } });
    await api(headrace.url, "DELETE", "/tenants/acme");
    expect(headrace.output()).toContain('"settings":["default_transaction_isolation","statement_timeout"]');
    expect(headrace.output()).not.toMatch(/"level":"(error|fatal)"/);
  });

  test("a start with read-only sessions names the setting and the statement to run", async () => {
    const { name, url } = await owned();
    await postgres.run(`ALTER ROLE ${name} SET default_transaction_read_only = on`);
    expect(await refusal(url)).toContain(
      `run ALTER ROLE "${name}" IN DATABASE "${name}" SET default_transaction_read_only = off`,
    );
    await postgres.run(`ALTER ROLE ${name} IN DATABASE ${name} SET default_transaction_read_only = off`);
    await prepare(url);
    await works(url);
  });

  test("connects over a Unix socket in each form of its URL", async () => {
    const { name, url } = await owned();
    const socket = postgres.folder;
    await prepare(url);
    for (const form of [
      `postgres://${name}:s3cret@/${name}?host=${socket}&port=${postgres.port}`,
      `postgresql:///${name}?host=${socket}&port=${postgres.port}&user=${name}&password=s3cret`,
      `postgres://${name}:s3cret@${encodeURIComponent(socket)}:${postgres.port}/${name}`,
      `postgres://${name}:s3cret@:${postgres.port}/${name}?host=${encodeURIComponent(socket)}`,
    ]) {
      expect(await prepare(form)).toEqual([]);
      await works(form);
    }
  });

  test("sslmode encrypts and verifies as in libpq", async () => {
    const { url } = await owned();
    await prepare(url);
    const encrypted = async (given: string) => {
      const database = open(await tryPostgres(given, "DATABASE_URL"));
      try {
        const rows = await database.pipeline.query<{ ssl: boolean }>({
          text: "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()",
        });
        return rows[0]?.ssl;
      } finally {
        await database.close();
      }
    };
    const byName = url.replace("127.0.0.1", "localhost");
    const authority = `sslrootcert=${postgres.folder}/ca.crt`;
    expect(await encrypted(url)).toBe(false);
    expect(await encrypted(`${url}?sslmode=disable`)).toBe(false);
    expect(await encrypted(`${url}?sslmode=allow`)).toBe(false);
    expect(await encrypted(`${url}?sslmode=prefer`)).toBe(true);
    expect(await encrypted(`${url}?sslmode=require`)).toBe(true);
    expect(await encrypted(`${url}?sslmode=require&${authority}`)).toBe(true);
    expect(await encrypted(`${url}?sslmode=verify-ca&${authority}`)).toBe(true);
    expect(await encrypted(`${byName}?sslmode=verify-full&${authority}`)).toBe(true);
    expect(await refusal(`${url}?sslmode=verify-full&${authority}`)).toMatch(
      /^DATABASE_URL: the certificate .* is not trusted/,
    );
    expect(await refusal(`${byName}?sslmode=verify-full`)).toMatch(
      /^DATABASE_URL: the certificate .* is not trusted/,
    );
    const other = `sslrootcert=${postgres.folder}/server.crt`;
    expect(await refusal(`${url}?sslmode=require&${other}`)).toContain("is not trusted");
    expect(await refusal(`${url}?sslmode=verify-ca`)).toContain("needs sslrootcert");
    expect(await refusal(`${url}?sslmode=verify-full&sslrootcert=/nowhere/ca.crt`)).toContain(
      "sslrootcert cannot be read",
    );
  });

  test("a start that PostgreSQL refuses for good ends at once with a hint", async () => {
    const { name, url } = await owned();
    expect(await refusal(url.replace(":s3cret@", ":s3cret-no@"))).toMatch(
      new RegExp(`^DATABASE_URL: .* refuses user "${name}" with the given password`),
    );
    expect(await refusal(url.replace(":s3cret@", "@"))).toMatch(
      /wants a password for user "\w+" and the URL has none/,
    );
    expect(await refusal(url.replace(/\w+$/, "missing"))).toContain(
      `has no database "missing": name another, or make it: CREATE DATABASE "missing" OWNER "${name}"`,
    );
    expect(await refusal(url.replace(/\/\/\w+/, "//nobody_here"))).toContain('user "nobody_here"');
    expect(await refusal(`${url}?options=-c no_such_setting=1`)).toContain("no_such_setting");
    await postgres.run(`REVOKE CONNECT ON DATABASE ${name} FROM PUBLIC`);
    const app = await another(url);
    expect(await refusal(app.url, url)).toContain(`GRANT CONNECT ON DATABASE "${name}" TO "${app.name}"`);
    expect(await refusal(url, url.replace(":s3cret@", ":s3cret-no@"))).toMatch(
      /^HEADRACE_MIGRATION_DATABASE_URL: /,
    );
  });

  test("a start names the missing rights of the owner and leaves nothing behind", async () => {
    const { name, url } = await owned("NOCREATEROLE");
    await postgres.run(`ALTER DATABASE ${name} OWNER TO postgres`);
    const tables = "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace";
    expect(await refusal(url)).toContain(`run GRANT USAGE, CREATE ON SCHEMA "public" TO "${name}"`);
    await postgres.run(`GRANT CREATE ON SCHEMA public TO ${name}`, name);
    expect(await refusal(url)).toContain(
      `as a superuser run GRANT headrace_api, headrace_pipeline TO "${name}"`,
    );
    expect(await rowsOf(url, tables)).toEqual([]);
    await postgres.run(`ALTER ROLE ${name} SET search_path = missing`);
    expect(await refusal(url)).toContain("can use no schema of its search_path (missing)");
    await postgres.run(`ALTER ROLE ${name} RESET search_path; ALTER ROLE ${name} NOINHERIT CREATEROLE`);
    expect(await rowsOf(url, tables)).toEqual([]);
    expect(await refusal(url)).toContain(`as a superuser run ALTER ROLE "${name}" INHERIT`);
    await postgres.run(`ALTER ROLE ${name} INHERIT`);
    await prepare(url);
    await works(url);
  });

  test.each([
    ["events", "CREATE TABLE events (id int)"],
    ["schema_migrations", "CREATE TABLE schema_migrations (version text)"],
    ["uuid7", "CREATE FUNCTION uuid7(us bigint) RETURNS uuid LANGUAGE sql AS 'SELECT gen_random_uuid()'"],
  ])(
    "a start refuses a schema in which another program has %s and leaves nothing behind",
    async (_, statement) => {
      const { url } = await owned();
      await rowsOf(url, statement);
      const tables = `SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'
      UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace`;
      const before = await rowsOf(url, tables);
      expect(await refusal(url)).toContain("CREATE SCHEMA headrace");
      expect(await rowsOf(url, tables)).toEqual(before);
    },
  );

  test("a start detects a revoked right on a table", async () => {
    const { name, url } = await owned();
    await prepare(url);
    await postgres.run("REVOKE ALL ON flows FROM headrace_api", name);
    expect(await refusal(url)).toContain("PostgreSQL role headrace_api may not read flows");
  });
});

test("a start warns about users who bypass row-level security, by name", async () => {
  const stores = await privateStores();
  const admin = new pg.Client(stores.superuserUrl);
  await admin.connect();
  await admin.query("CREATE ROLE bypasser LOGIN BYPASSRLS PASSWORD 's3cret'");
  await admin.end();
  const lines: string[] = [];
  const warnOf = (app: string, owner = app) => {
    lines.length = 0;
    const log = createLogger("warn", { write: (line: string) => lines.push(line) });
    return warnOfUnboundUsers({ DATABASE_URL: app, HEADRACE_MIGRATION_DATABASE_URL: owner }, log);
  };
  await warnOf(stores.superuserUrl);
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { setting: "DATABASE_URL", user: "postgres", right: "SUPERUSER" },
  ]);
  await warnOf(stores.databaseUrl, stores.databaseUrl.replace(/\/\/.*@/, "//bypasser:s3cret@"));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    { setting: "HEADRACE_MIGRATION_DATABASE_URL", user: "bypasser", right: "BYPASSRLS" },
  ]);
  await warnOf(stores.databaseUrl);
  expect(lines).toEqual([]);
});

test("on PostgreSQL 18 an owner with CREATEROLE can use the roles it creates", async () => {
  const stores = await privateStores();
  const admin = new pg.Client(stores.superuserUrl);
  await admin.connect();
  await admin.query("CREATE ROLE owner LOGIN CREATEROLE PASSWORD 's3cret'");
  await admin.query("CREATE ROLE app LOGIN NOINHERIT PASSWORD 's3cret'");
  await admin.query("CREATE DATABASE own OWNER owner");
  await admin.end();
  const url = stores.databaseUrl.replace(/\/\/.*@/, "//owner:s3cret@").replace(/\w+$/, "own");
  await prepare(url);
  await works(url);
  const app = url.replace("//owner:", "//app:");
  await prepare(app, url);
  await works(app);
});
