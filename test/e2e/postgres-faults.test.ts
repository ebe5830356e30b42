import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chownSync, mkdirSync, mkdtempSync, rmdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { familyOf } from "../../src/embedded/processes.ts";
import { type AsApplicationRole, startAsApplicationRole } from "../support/application-role.ts";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { ADMIN_KEY } from "../support/process.ts";
import type { TemporaryStores } from "../support/temporary-stores.ts";
import { setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

let sent = 0;

/** Sends a delivery and a post to the API, and returns both statuses. */
async function send(url: string, data: unknown = {}): Promise<{ delivery: number; event: Response }> {
  sent += 1;
  const delivery = await deliver(`${url}/api/v1/webhooks/shop/acme`, { id: `m-${sent}`, type: "t", data });
  const event = await fetch(`${url}/api/v1/tenants/acme/events`, {
    method: "POST",
    headers: { authorization: `Bearer ${ADMIN_KEY}`, "content-type": "application/json" },
    body: JSON.stringify({ type: "t", data }),
  });
  return { delivery: delivery?.status ?? 0, event };
}

type Checks = Record<string, { ok: boolean; detail?: string }>;

async function checksOf(url: string): Promise<Checks> {
  return ((await (await fetch(`${url}/readyz`)).json()) as { checks: Checks }).checks;
}

async function countedOf(url: string, cause: string): Promise<number> {
  const text = await (await fetch(`${url}/metrics`)).text();
  const line = text.split("\n").find((one) => one.startsWith(`headrace_unavailable_total{cause="${cause}"}`));
  return Number(line?.split(" ")[1] ?? 0);
}

interface Warning {
  msg: string;
  cause?: string;
  count?: number;
  sqlstate?: string;
}

function warningsOf(output: string, cause: string): Warning[] {
  const entries = output
    .split("\n")
    .flatMap((line): Warning[] => (line.startsWith("{") && line.endsWith("}") ? [JSON.parse(line)] : []));
  return entries.filter((entry) => entry.cause === cause);
}

/** Causes a fault, and returns the function that ends it. */
type Fault = (installation: AsApplicationRole) => Promise<() => Promise<unknown>>;

const ENDED = `SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE usename = 'app'`;

const set =
  (off: string, on: string): Fault =>
  async ({ admin }) => {
    await admin(off);
    await admin(ENDED);
    return async () => {
      await admin(on);
      await admin(ENDED);
    };
  };

/** Locks a table, and limits the wait of the process's sessions by the setting. */
const locked =
  (setting: string): Fault =>
  async ({ admin, connect }) => {
    await admin(`ALTER ROLE app SET ${setting} = '200ms'`);
    await admin(ENDED);
    const holder = await connect();
    await holder.query("BEGIN; LOCK TABLE outbox IN ACCESS EXCLUSIVE MODE");
    return async () => {
      await holder.query("ROLLBACK");
      await admin(`ALTER ROLE app RESET ${setting}`);
      await admin(ENDED);
    };
  };

const FAULTS: Record<string, Fault> = {
  read_only: set(
    "ALTER ROLE app SET default_transaction_read_only = on",
    "ALTER ROLE app RESET default_transaction_read_only",
  ),
  statement_timeout: locked("statement_timeout"),
  lock_timeout: locked("lock_timeout"),
  too_many_connections: set("ALTER ROLE app CONNECTION LIMIT 0", "ALTER ROLE app CONNECTION LIMIT -1"),
  access_denied: set("ALTER ROLE app NOLOGIN", "ALTER ROLE app LOGIN"),
  access_denied_to_a_table: set(
    "REVOKE INSERT ON outbox FROM headrace_pipeline, headrace_api",
    "GRANT INSERT ON outbox TO headrace_pipeline, headrace_api",
  ),
  not_in_state: async ({ fromOutside }) => {
    await fromOutside("ALTER DATABASE installation ALLOW_CONNECTIONS false");
    await fromOutside(ENDED);
    return () => fromOutside("ALTER DATABASE installation ALLOW_CONNECTIONS true");
  },
  connection: async ({ stores }) => {
    await stores.postgres.kill();
    return () => stores.postgres.restart();
  },
};

/** Sends during the fault and checks its effects, then that the process recovers without a delivery. */
async function meetsFault(
  installation: AsApplicationRole,
  { cause, fault, data }: { cause: string; fault: Fault; data?: () => unknown },
): Promise<void> {
  const { headrace } = installation;
  const { url } = headrace;
  const before = await countedOf(url, cause);
  const end = await fault(installation);
  try {
    // The first request can meet a connection that the fault has closed.
    await until(
      `${cause} is counted, and readyz is red`,
      async () => {
        const { delivery, event } = await send(url, data?.());
        expect([cause, delivery, event.status]).toEqual([cause, 503, 503]);
        expect(event.headers.get("retry-after")).toBe("2");
        const checks = await checksOf(url);
        return (await countedOf(url, cause)) > before && checks["accepting"]?.ok === false;
      },
      { everyMs: 100 },
    );
    await until(`${cause} is told of`, () => warningsOf(headrace.output(), cause).length > 0);
    expect(warningsOf(headrace.output(), cause)[0]).toMatchObject({ level: "warn", count: 1 });
  } finally {
    await end();
  }
  await headrace.ready();
  const { delivery, event } = await send(url);
  expect([cause, delivery, event.status]).toEqual([cause, 200, 202]);
}

describe("a fault of PostgreSQL", () => {
  test("each PostgreSQL fault causes 503, a warning, a metric and a red check that recovers", async () => {
    const installation = await startAsApplicationRole({ roles: "api,receive" });
    await setUpTenant(installation.headrace.url, "acme", {});
    for (const [name, fault] of Object.entries(FAULTS)) {
      const cause = name.startsWith("access_denied") ? "access_denied" : name;
      await meetsFault(installation, { cause, fault });
    }
  }, 240_000);
});

/** A small file system in memory; undefined if this machine cannot mount one. */
function mountSmall(megabytes: number): string | undefined {
  const directory = mkdtempSync(join(tmpdir(), "headrace-disk-"));
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${megabytes}m,mode=755`, "tmpfs", directory], {
      stdio: "ignore",
    });
    return directory;
  } catch {
    rmdirSync(directory);
    return undefined;
  }
}

async function tablespaceOn(directory: string, stores: TemporaryStores): Promise<string> {
  const location = join(directory, "space");
  mkdirSync(location);
  const [, server = stores.postgres.pid] = familyOf(stores.postgres.pid);
  const { uid, gid } = statSync(`/proc/${server}`);
  chownSync(location, uid, gid);
  const client = new pg.Client(stores.superuserUrl);
  await client.connect();
  await client.query(`CREATE TABLESPACE small LOCATION '${location}'`);
  await client.end();
  return "small";
}

describe("a disk that is full", () => {
  test("a full disk is reported as such, and recovers when there is room", async ({ skip }) => {
    const directory = mountSmall(48);
    if (directory === undefined) return skip("this machine mounts nothing");
    onTestFinished(() => {
      execFileSync("umount", ["-l", directory]);
      rmdirSync(directory);
    });
    const installation = await startAsApplicationRole({
      roles: "api,receive",
      tablespace: (stores) => tablespaceOn(directory, stores),
    });
    await setUpTenant(installation.headrace.url, "acme", {});
    const filler = join(directory, "filler");
    await meetsFault(installation, {
      cause: "disk_full",
      data: () => ({ text: randomBytes(60_000).toString("base64") }),
      fault: async () => {
        try {
          writeFileSync(filler, Buffer.alloc(48 * 1_048_576));
        } catch {
          // The file fills the disk.
        }
        return async () => rmSync(filler);
      },
    });
    const [warning] = warningsOf(installation.headrace.output(), "disk_full");
    expect(warning).toMatchObject({ sqlstate: "53100" });
    expect(warning?.msg).toContain("PostgreSQL has no disk space left");
  }, 120_000);
});
