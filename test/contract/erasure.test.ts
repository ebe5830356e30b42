import { expect, test } from "vitest";
import type { Database } from "../../src/postgres/core/database.ts";
import { claimRuns, finishRuns } from "../../src/postgres/runs/runs.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

/** Personal data that is planted wherever the product may keep it. */
const PERSONAL = "jane.roe@mail.example";
const NOBODY = "01a208f8-2149-748f-94fe-b9c62a9e51c2";

/** The tables that have a row with the text, as text or in bytes. */
async function tablesWith(database: Database, text: string): Promise<string[]> {
  const tables = await database.pipeline.query<{ name: string }>({
    text: "SELECT relname AS name FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind = 'r'",
  });
  const found: string[] = [];
  for (const { name } of tables) {
    const rows = await database.pipeline.query({
      text: `SELECT FROM ${name} t WHERE t::text LIKE '%' || $1 || '%' OR t::text LIKE '%' || $2 || '%' LIMIT 1`,
      values: [text, Buffer.from(text).toString("hex")],
    });
    if (rows.length > 0) found.push(name.replace(/_\d{8}$/, ""));
  }
  return found.sort();
}

async function withFlow(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  await api.call("PUT", "/tenants/acme/flows/f", { trigger: {}, action: { type: "code", handler: "h" } });
  await api.call("POST", "/tenants/acme/flows/f/deploy");
  return api;
}

async function accepted(api: ServedApi, data: unknown, subject = "s"): Promise<string> {
  const { status, body } = await api.call("POST", "/tenants/acme/events", { type: "t", data, subject });
  expect(status).toBe(202);
  return body.event_id;
}

/** A dead run of the event whose error, step and log have the personal data. */
async function dead(api: ServedApi, eventId: string): Promise<void> {
  await route(api.database, [eventId]);
  const { body } = await api.call("GET", `/tenants/acme/events/${eventId}`);
  const [run] = (await claimRuns(api.database.pipeline, [body.runs[0].id], 60_000)).runs;
  if (run === undefined) throw new Error("The run cannot be claimed");
  await api.database.pipeline.query({
    text: "INSERT INTO run_steps (run_id, name, tenant_id, result) VALUES ($1, 'step', 'acme', to_json($2::text))",
    values: [run.id, PERSONAL],
  });
  await api.database.pipeline.query({
    text: `INSERT INTO run_logs (run_id, fence, tenant_id, attempt, lines, dropped)
      VALUES ($1, 1, 'acme', 1, json_build_array($2::text), 0)`,
    values: [run.id, PERSONAL],
  });
  await finishRuns(api.database.pipeline, [
    {
      ...run,
      state: "dead",
      retryDelayMs: 0,
      durationMs: 5,
      responseStatus: undefined,
      errorCode: "E",
      errorMessage: `No such user: ${PERSONAL}`,
      errorContext: { stack: `Error: ${PERSONAL}` },
      fingerprint: "f",
    },
  ]);
}

test("an erased event keeps its rows, and no table has its data any more", async () => {
  const api = await withFlow();
  const other = await accepted(api, { of: "another event" });
  const eventId = await accepted(api, { mail: PERSONAL }, PERSONAL);
  await dead(api, eventId);
  const [letter] = (await api.call("GET", "/tenants/acme/dlq")).body.items;
  await api.call("POST", `/tenants/acme/dlq/${letter.id}/replay`, { payload: { edited: PERSONAL } });
  const tables = ["attempts", "dead_letters", "events", "run_logs", "run_steps", "runs"];
  expect(await tablesWith(api.database, PERSONAL)).toEqual(tables);

  const path = `/tenants/acme/events/${eventId}`;
  expect((await api.call("DELETE", `${path}/data`)).status).toBe(204);
  expect(await tablesWith(api.database, PERSONAL)).toEqual([]);
  const shown = (await api.call("GET", path)).body;
  expect(shown).toMatchObject({ id: eventId, type: "t", data: null, subject: null, status: "routed" });
  expect(Date.parse(shown.erased_at)).toBeGreaterThan(Date.now() - 60_000);
  expect(await tablesWith(api.database, "another event")).toEqual(["events"]);
  expect((await api.call("GET", `/tenants/acme/events/${other}`)).body).not.toHaveProperty("erased_at");

  const runs = (await api.call("GET", "/tenants/acme/runs")).body.items;
  expect(runs.map((run: { status: string }) => run.status).sort()).toEqual(["cancelled", "dead"]);
  expect((await api.call("GET", `/tenants/acme/dlq/${letter.id}`)).body).toMatchObject({
    status: "expired",
    event_payload: null,
  });
  for (const replay of [`${path}/replay`, `/tenants/acme/runs/${runs.at(-1).id}/replay`])
    expect([replay, (await api.call("POST", replay, {})).status]).toEqual([replay, 409]);

  expect((await api.call("DELETE", `${path}/data`)).status).toBe(204);
  expect((await api.call("GET", path)).body.erased_at).toBe(shown.erased_at);
  const audit = (await api.call("GET", "/tenants/acme/audit")).body.items;
  expect(audit[0]).toMatchObject({ route: "DELETE /tenants/:tenant_id/events/:id/data" });
  expect(JSON.stringify(audit)).not.toContain(PERSONAL);
});

test("an event that is erased before it is routed starts no run", async () => {
  const api = await withFlow();
  const eventId = await accepted(api, { mail: PERSONAL });
  expect((await api.call("DELETE", `/tenants/acme/events/${eventId}/data`)).status).toBe(204);
  await route(api.database, [eventId]);
  expect((await api.call("GET", `/tenants/acme/events/${eventId}`)).body).toMatchObject({
    status: "unmatched",
    runs: [],
  });
});

test("data of another tenant's event cannot be erased, nor with a read key", async () => {
  const api = await withFlow();
  const eventId = await accepted(api, { mail: PERSONAL });
  await api.call("PUT", "/tenants/other", {});
  expect((await api.call("DELETE", `/tenants/other/events/${eventId}/data`)).status).toBe(404);
  expect((await api.call("DELETE", `/tenants/acme/events/${NOBODY}/data`)).status).toBe(404);
  const { body: key } = await api.call("POST", "/keys", { name: "r", tenant_id: "acme", scope: "read" });
  const path = `/tenants/acme/events/${eventId}/data`;
  expect((await api.call("DELETE", path, undefined, key.key)).status).toBe(403);
  expect((await api.call("GET", `/tenants/acme/events/${eventId}`)).body.data).toEqual({ mail: PERSONAL });
});
