import { existsSync } from "node:fs";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { connectionOptions, SessionClient } from "../../src/postgres/core/connection-options.ts";
import { type Pooling, probePooling } from "../../src/postgres/core/pooler-probe.ts";
import { tryPostgres } from "../../src/wiring/prepare-postgres.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { startPgBouncer } from "../support/pgbouncer.ts";
import { api } from "../support/process.ts";
import { startSink } from "../support/sink.ts";
import { createDatabase } from "../support/stores.ts";
import { QUICK_RETRY, setUpTenant, shopFlow } from "../support/tenant.ts";
import { until } from "../support/until.ts";

async function pooled(
  settings: Record<string, string | number> = {},
): Promise<{ url: string; direct: string }> {
  const { url: direct, drop } = await createDatabase();
  const bouncer = await startPgBouncer(direct, settings);
  onTestFinished(async () => {
    await bouncer.stop();
    await drop();
  });
  return { url: bouncer.url, direct };
}

async function probe(url: string): Promise<Pooling> {
  const clients = [
    new SessionClient(connectionOptions(url)),
    new SessionClient(connectionOptions(url)),
  ] as const;
  try {
    for (const client of clients) await client.connect();
    return await probePooling(clients[0], clients[1]);
  } finally {
    for (const client of clients) await client.end();
  }
}

describe.skipIf(!existsSync("/usr/sbin/pgbouncer"))("a PgBouncer that keeps no prepared statements", () => {
  beforeAll(builtProgram);

  test.each([
    ["pools transactions", {}, "transactions without prepared statements"],
    ["takes sessions in turn", { server_round_robin: 1 }, "transactions without prepared statements"],
    ["has one session", { default_pool_size: 1 }, "transactions without prepared statements"],
    ["pools sessions", { pool_mode: "session" }, "none"],
  ] as const)("a pooler is detected when it %s", async (_, settings, expected) => {
    const { url, direct } = await pooled(settings);
    expect(await probe(url)).toBe(expected);
    expect(await probe(direct)).toBe("none");
  });

  test("a pooler without prepared statements refuses the start, and works with unnamed statements", async () => {
    const { url: databaseUrl, direct } = await pooled();
    const { launch, start } = await createInstallation({ databaseUrl });
    const refused = launch();
    await until("the start is refused", () => refused.ended);
    expect(refused.output()).toMatch(
      /^headrace: DATABASE_URL goes through a pooler that keeps no prepared statements: .*max_prepared_statements.*HEADRACE_PREPARED_STATEMENTS=0$/m,
    );

    const headrace = await start({
      env: { HEADRACE_PREPARED_STATEMENTS: "0", HEADRACE_MIGRATION_DATABASE_URL: direct },
    });
    const sink = await startSink((_call, number) => (number === 1 ? 503 : 200));
    const { webhookPath } = await setUpTenant(headrace.url, "acme", {
      all: { ...shopFlow(sink.url), retry: QUICK_RETRY },
    });
    const ids = Array.from({ length: 30 }, (_, n) => `msg_${n}`);
    const answers = await Promise.all(
      ids.map((id) => deliver(`${headrace.url}${webhookPath}`, { id, type: "t", data: {} })),
    );
    expect(answers.map((answer) => answer?.status)).toEqual(ids.map(() => 200));
    await until("every run succeeded, one of them at its second attempt", async () => {
      const { items } = (await api(headrace.url, "GET", "/tenants/acme/runs?limit=100")) as {
        items: { status: string }[];
      };
      return items.length === ids.length && items.every((run) => run.status === "succeeded");
    });
    expect(sink.calls).toHaveLength(ids.length + 1);
    expect(headrace.output()).not.toMatch(/prepared statement "|"level":"(error|fatal)"/);

    const other = new pg.Client(databaseUrl);
    await other.connect();
    onTestFinished(() => other.end());
    const { rows } = await other.query("SELECT name FROM pg_prepared_statements");
    expect(rows).toEqual([]);
  });

  test("a start through PgBouncer ends at once without TLS, or with a wrong user, password or database", async () => {
    const { url } = await pooled();
    const refusal = (text: string) =>
      tryPostgres(text, "DATABASE_URL").catch((error: Error) => error.message);
    expect(await refusal(`${url}?sslmode=require`)).toMatch(/^DATABASE_URL: .* does not offer TLS/);
    expect(await tryPostgres(`${url}?sslmode=prefer`, "DATABASE_URL")).toBe(`${url}?sslmode=disable`);
    const wrong = new URL(url);
    wrong.password = "s3cret-no";
    expect(await refusal(wrong.href)).toMatch(/^DATABASE_URL: .* with the given password/);
    wrong.username = "nobody_here";
    expect(await refusal(wrong.href)).toMatch(/^DATABASE_URL: /);
    expect(await refusal(`${url}?options=-c search_path=own`)).toMatch(
      /^DATABASE_URL: .*unsupported startup parameter/,
    );
  });

  test("session settings do not leak through the pooler to its other clients", async () => {
    const { url, direct } = await pooled({ default_pool_size: 1 });
    const owner = new pg.Client(direct);
    await owner.connect();
    await owner.query(`ALTER DATABASE ${new URL(direct).pathname.slice(1)} SET DateStyle = 'German'`);
    await owner.end();
    const [ours, others] = [new SessionClient(url), new pg.Client(url)];
    for (const client of [ours, others]) await client.connect();
    onTestFinished(async () => {
      await Promise.all([ours.end(), others.end()]);
    });
    const style = async (client: pg.Client) => (await client.query("SHOW DateStyle")).rows[0].DateStyle;
    expect(await style(ours)).toMatch(/^ISO/);
    expect(await style(others)).toMatch(/^German/);
    expect(await style(ours)).toMatch(/^ISO/);
  });
});
