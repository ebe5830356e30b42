import { expect, test } from "vitest";
import { createKeyUse } from "../../src/http/access/key-use.ts";
import { ensureAdminKey } from "../../src/postgres/access/api-keys.ts";
import { until } from "../support/until.ts";
import { ADMIN_KEY, type ServedApi, serveApi } from "./serve-api.ts";

const OTHER_KEY = "another-admin-key-of-the-tests-0123456789";

async function statusWith(api: ServedApi, key: string): Promise<number> {
  return (await api.call("GET", "/keys", undefined, key)).status;
}

test("a new HEADRACE_ADMIN_KEY replaces the previous one but no key created over the API", async () => {
  const api = await serveApi();
  const made = (await api.call("POST", "/keys", { name: "HEADRACE_ADMIN_KEY", scope: "admin" })).body.key;
  expect(await ensureAdminKey(api.database, ADMIN_KEY)).toBe(false);
  expect(await ensureAdminKey(api.database, OTHER_KEY)).toBe(true);
  expect([await statusWith(api, ADMIN_KEY), await statusWith(api, OTHER_KEY)]).toEqual([401, 200]);
  expect(await ensureAdminKey(api.database, ADMIN_KEY)).toBe(true);
  // An unknown key is remembered as such for a second.
  await until("the key is known again", async () => (await statusWith(api, ADMIN_KEY)) === 200);
  expect([await statusWith(api, ADMIN_KEY), await statusWith(api, OTHER_KEY)]).toEqual([200, 401]);
  expect(await statusWith(api, made)).toBe(200);
});

test("only one of several admin keys started with at once stays valid", async () => {
  const api = await serveApi();
  const keys = Array.from({ length: 6 }, (_, n) => `${OTHER_KEY}${n}`);
  await Promise.all(keys.map((key) => ensureAdminKey(api.database, key)));
  const statuses = await Promise.all([ADMIN_KEY, ...keys].map((key) => statusWith(api, key)));
  expect(statuses.filter((status) => status === 200)).toHaveLength(1);
});

test("keys show who created them and when they were last used, written once for many uses", async () => {
  let nowMs = 0;
  const noted: { note(keyId: string): void } = { note() {} };
  const api = await serveApi({ keyUse: { note: (keyId) => noted.note(keyId) } });
  let writes = 0;
  const counted = {
    query: (statement: Parameters<typeof api.database.pipeline.query>[0]) => {
      writes += 1;
      return api.database.pipeline.query(statement);
    },
  };
  const limits = { everyMs: 60_000, intervalMs: 1, maxKeys: 10 };
  const keyUse = createKeyUse(counted as typeof api.database.pipeline, limits, () => nowMs);
  noted.note = keyUse.note;
  const step = () => keyUse.step(new AbortController().signal);
  const { id, key } = (await api.call("POST", "/keys", { name: "ci", scope: "admin" })).body;
  const second = (await api.call("POST", "/keys", { name: "by ci", scope: "read" }, key)).body;
  for (let n = 0; n < 5; n += 1) await api.call("GET", "/tenants", undefined, key);
  await step();
  await step();
  expect(writes).toBe(1);
  const { items } = (await api.call("GET", "/keys")).body;
  const of = (name: string) => items.find((item: { name: string }) => item.name === name);
  expect(of("HEADRACE_ADMIN_KEY")).toMatchObject({ created_by: "setting", last_used_at: expect.any(String) });
  expect(of("ci")).toMatchObject({
    created_by: of("HEADRACE_ADMIN_KEY").id,
    created_by_name: "HEADRACE_ADMIN_KEY",
    last_used_at: expect.any(String),
  });
  expect(of("by ci")).toMatchObject({ created_by: id, created_by_name: "ci", last_used_at: null });
  nowMs = 61_000;
  await step();
  expect(writes).toBe(1);
  await api.call("GET", "/tenants", undefined, second.key);
  await step();
  expect(writes).toBe(2);
});
