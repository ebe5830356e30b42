import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pg from "pg";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { putAndDeploy } from "../support/tenant.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

interface Letter {
  stage: string;
  error_message: string;
  error_context: { code: string };
  event_payload: unknown;
}

/** A process that stays, a mortal one that is restarted whenever it dies, and their database. */
async function withMortal(roles: { stays: string; mortal: string }, env: Record<string, string>) {
  const { launch, start, databaseUrl } = await createInstallation();
  const database = new pg.Client(databaseUrl);
  await database.connect();
  onTestFinished(() => database.end());
  const stays = await start({ roles: roles.stays });
  let mortal: HeadraceProcess | undefined;
  let starts = 0;
  /** Starts the mortal process if it is not running, and returns whether it did. */
  const revive = () => {
    if (mortal !== undefined && !mortal.ended) return false;
    starts += 1;
    mortal = launch({ port: mortal?.port, roles: roles.mortal, env });
    return true;
  };
  await api(stays.url, "PUT", "/tenants/acme", {});
  await putAndDeploy(stays.url, "acme", "f", {
    trigger: { event_types: ["order"] },
    action: { type: "code", handler: "f" },
  });
  const letters = async () =>
    ((await api(stays.url, "GET", "/tenants/acme/dlq")) as { items: Letter[] }).items;
  return { url: stays.url, database, revive, letters, starts: () => starts };
}

const orders = (count: number, poison: number) =>
  Array.from({ length: count }, (_, n) => ({
    type: "order",
    data: { n, text: n === poison ? "poison" : "" },
  }));

describe("an event that ends the process which works on it", () => {
  test("an event that kills routers becomes a dead letter after a few, and others pass it", async () => {
    const { folder } = flowsFolder({});
    // Normalizing the event kills the process, like a fault of the engine that JavaScript cannot catch.
    const preload = join(folder, "fatal.mjs");
    writeFileSync(
      preload,
      `const parse = JSON.parse;
      JSON.parse = (text, ...rest) => {
        if (String(text).includes('"poison"')) process.kill(process.pid, "SIGKILL");
        return parse(text, ...rest);
      };`,
    );
    const { url, database, revive, letters, starts } = await withMortal(
      { stays: "api,relay,maintain", mortal: "route" },
      { NODE_OPTIONS: `--import=${preload}` },
    );
    await api(url, "POST", "/tenants/acme/events", orders(20, 7));
    await until(
      "the poison is a dead letter",
      async () => {
        // Events of the dead process are published again at once, without waiting for the lease.
        if (revive()) await database.query("UPDATE outbox SET visible_at = now()");
        await database.query(
          "UPDATE outbox SET visible_at = now() WHERE visible_at > now() + interval '5 s'",
        );
        return (await letters()).length > 0;
      },
      { withinMs: 120_000, everyMs: 500 },
    );
    expect(await letters()).toMatchObject([
      {
        stage: "route",
        error_context: { code: "ROUTER_LOST" },
        event_payload: { n: 7, text: "poison" },
        error_message: expect.stringMatching(/^\d+ processes in a row were lost/),
      },
    ]);
    await until(
      "the others are routed",
      async () => {
        revive();
        const { rows } = await database.query(
          "SELECT (SELECT count(*)::int FROM runs) AS runs, (SELECT count(*)::int FROM outbox) AS waiting",
        );
        return rows[0].runs === 19 && rows[0].waiting === 0;
      },
      { withinMs: 90_000 },
    );
    expect(starts()).toBeGreaterThan(2);
    // A bulk replay leaves it out, since it would kill the process that reads it.
    expect(await api(url, "POST", "/tenants/acme/dlq/replay", { filter: {}, dry_run: true })).toEqual({
      replay_id: null,
      count: 0,
    });
  }, 180_000);

  test("a run that kills workers becomes a dead letter after a few, and other runs succeed", async () => {
    const { folder } = flowsFolder({
      "f.mjs": `import { defineFlow } from "headrace";
        export default defineFlow({ id: "f" }, async ({ event }) => {
          await new Promise((resolve) => setTimeout(resolve, 50));
          // Kills the worker, not only the handler's own process.
          if (event.data.text === "poison") process.kill(process.ppid, "SIGKILL");
        });`,
    });
    const { url, database, revive, letters, starts } = await withMortal(
      { stays: "api,relay,route,maintain", mortal: "execute" },
      { HEADRACE_FLOWS_DIR: folder },
    );
    await api(url, "POST", "/tenants/acme/events", orders(20, 7));
    await until(
      "the poison is a dead letter",
      async () => {
        // The worker is dead, so its leases end now.
        if (revive()) await database.query("UPDATE runs SET visible_at = now() WHERE state = 'running'");
        return (await letters()).length > 0;
      },
      { withinMs: 120_000, everyMs: 500 },
    );
    expect(await letters()).toMatchObject([
      {
        stage: "execute",
        error_context: { code: "WORKER_LOST" },
        event_payload: { n: 7, text: "poison" },
        error_message: "5 workers in a row were lost before they finished an attempt of this run",
      },
    ]);
    await until("the others succeeded", async () => {
      const { rows } = await database.query("SELECT count(*)::int AS n FROM runs WHERE state = 'succeeded'");
      return rows[0].n === 19;
    });
    const { rows } = await database.query(
      "SELECT r.state, a.outcome, a.error_code FROM runs r JOIN attempts a ON a.run_id = r.id WHERE r.state = 'dead'",
    );
    expect(rows).toEqual([{ state: "dead", outcome: "lost", error_code: "WORKER_LOST" }]);
    expect(starts()).toBeGreaterThanOrEqual(5);
  }, 180_000);
});
