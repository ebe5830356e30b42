import pg from "pg";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { SECRET, signed } from "../support/deliver.ts";
import { createInstallation } from "../support/installation.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { hasHaproxy, hasNginx, startHaproxy, startNginx } from "../support/proxies.ts";
import { privateStores } from "../support/stores.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const PER_SECOND = 100;

/** Two copies on one database, with an endpoint of the connector `app`. */
async function twoCopies() {
  const installation = await createInstallation(await privateStores());
  const { databaseUrl } = installation;
  const database = new pg.Pool({ connectionString: databaseUrl, max: 1 });
  database.on("error", () => {});
  onTestFinished(() => database.end());
  // The proxies would see the same with all roles, which take longer to start.
  const start = (port?: number) =>
    installation.start({ port, roles: "api,receive", env: { HEADRACE_DRAIN_NOTICE_MS: "3000" } });
  const copies: [HeadraceProcess, HeadraceProcess] = await Promise.all([start(), start()]);
  await api(copies[0].url, "PUT", "/tenants/acme", {});
  await api(copies[0].url, "PUT", "/connectors/app", { webhook: { preset: "standard-webhooks" } });
  await api(copies[0].url, "PUT", "/tenants/acme/endpoints/app", { secrets: [{ value: SECRET }] });
  return {
    ports: [copies[0].port, copies[1].port] as const,
    copies,
    /** Restarts the copy on its port with SIGTERM, and waits until it is ready. */
    async restart(index: 0 | 1) {
      expect(await copies[index].end("SIGTERM")).toBe(0);
      copies[index] = await start(copies[index].port);
    },
    async eventCount() {
      const { rows } = await database.query<{ n: number }>("SELECT count(*)::int AS n FROM events");
      return rows[0]?.n;
    },
  };
}

/** Sends deliveries at a steady rate without waiting for responses. `stop` returns the counts by response. */
function sendSteadily(url: string): { stop(): Promise<Record<string, number>> } {
  const answers: Record<string, number> = {};
  const sent: Promise<void>[] = [];
  const startMs = performance.now();
  const send = async (id: string) => {
    const { headers, body } = signed({ id, type: "ping", data: {} });
    const options = { method: "POST", headers, body, signal: AbortSignal.timeout(30_000) };
    const answer = await fetch(`${url}/api/v1/webhooks/app/acme`, options)
      .then(async (response) => `${response.status} ${JSON.parse(await response.text()).status}`)
      .catch((error: Error) => `${error.message}: ${error.cause}`);
    answers[answer] = (answers[answer] ?? 0) + 1;
  };
  const timer = setInterval(() => {
    const due = ((performance.now() - startMs) / 1_000) * PER_SECOND;
    while (sent.length < due) sent.push(send(`delivery-${sent.length}`));
  }, 10);
  onTestFinished(() => clearInterval(timer));
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(sent);
      return answers;
    },
  };
}

test.runIf(hasHaproxy)(
  "no delivery is lost while two copies behind HAProxy restart in turn",
  {
    timeout: 300_000,
  },
  async () => {
    const { ports, restart, eventCount } = await twoCopies();
    const haproxy = await startHaproxy(ports);
    const bothUp = async () => (await haproxy.isUp("a")) && (await haproxy.isUp("b"));
    await until("both copies are up", bothUp);
    const sending = sendSteadily(haproxy.url);
    await restart(0);
    await until("both copies are up again", bothUp, { withinMs: 60_000 });
    await restart(1);
    await until("both copies are up at the end", bothUp, { withinMs: 60_000 });
    const answers = await sending.stop();
    expect(answers).toEqual({ "200 accepted": await eventCount() });
  },
);

test.runIf(hasNginx)(
  "no delivery is lost while two copies behind nginx restart in turn",
  {
    timeout: 300_000,
  },
  async () => {
    const { ports, restart, eventCount } = await twoCopies();
    const sending = sendSteadily(await startNginx(ports));
    await restart(0);
    await restart(1);
    const answers = await sending.stop();
    // nginx repeats a delivery whose first copy may have been accepted.
    const { "200 accepted": accepted = 0, "200 duplicate": duplicate = 0, ...others } = answers;
    expect(others).toEqual({});
    expect(accepted + duplicate).toBe(await eventCount());
  },
);
