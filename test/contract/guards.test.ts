import { expect, test } from "vitest";
import type { HttpBounds } from "../../src/http/server/server.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { until } from "../support/until.ts";
import { ADMIN_KEY, type ServedApi, serveApi } from "./serve-api.ts";

const { http } = DEFAULT_BOUNDS;

/** The API with other bounds on keys, and the reasons for rejected calls. */
async function serveBounded(over: Partial<HttpBounds["access"]> & { keyShare?: HttpBounds["keyShare"] }) {
  const refused: string[] = [];
  const { keyShare = http.keyShare, ...access } = over;
  const bounds = { ...http, keyShare, access: { ...http.access, ...access } };
  const api = await serveApi({
    bounds,
    onRefused: (reason) => void refused.push(reason),
    trustedProxies: ["127.0.0.1"],
  });
  return { ...api, refused };
}

/** Calls with a key from an address behind the proxy. */
async function callFrom(
  { server }: ServedApi,
  address: string,
  key: string,
  path = "/api/v1/tenants",
  scheme = "Bearer",
) {
  const credentials = scheme === "Basic" ? Buffer.from(`any:${key}`).toString("base64") : key;
  const { statusCode, headers } = await server.inject({
    url: path,
    headers: { authorization: `${scheme} ${credentials}`, "x-forwarded-for": address },
  });
  return { status: statusCode, retryAfter: headers["retry-after"] };
}

const MADE_UP = "made-up-key-of-somebody";
const FEW_FAILURES = {
  failures: { max: 3, windowMs: 60_000, maxAddresses: 100, delayMs: 10, maxDelayed: 1 },
};

test("an address with too many unknown keys gets 429, but not its valid keys or other addresses", async () => {
  const api = await serveBounded(FEW_FAILURES);
  const { body: reader } = await api.call("POST", "/keys", { name: "reader", scope: "read" });
  for (const n of [1, 2, 3]) expect((await callFrom(api, "192.0.2.1", `${MADE_UP}-${n}`)).status).toBe(401);
  const refused = await callFrom(api, "192.0.2.1", `${MADE_UP}-4`);
  expect(refused.status).toBe(429);
  expect(Number(refused.retryAfter)).toBeGreaterThan(0);
  expect((await callFrom(api, "192.0.2.1", ADMIN_KEY)).status).toBe(200);
  // A valid key that was never used before is accepted too.
  expect((await callFrom(api, "192.0.2.1", reader.key)).status).toBe(200);
  expect((await callFrom(api, "192.0.2.2", MADE_UP)).status).toBe(401);
  expect(api.refused).toEqual(["failed_keys"]);
});

test("addresses of one IPv6 /64 are counted together, and only failures count", async () => {
  const api = await serveBounded(FEW_FAILURES);
  for (let n = 0; n < 10; n += 1) expect((await callFrom(api, "2001:db8::1", ADMIN_KEY)).status).toBe(200);
  for (const n of [1, 2, 3]) await callFrom(api, `2001:db8::${n}`, `${MADE_UP}-${n}`);
  expect((await callFrom(api, "2001:db8::ffff", MADE_UP)).status).toBe(429);
  expect((await callFrom(api, "2001:db8:0:1::1", MADE_UP)).status).toBe(401);
});

test("a key beyond its calls per second gets 429 with Retry-After, and other keys do not", async () => {
  const api = await serveBounded({ callsPerSecond: { max: 2, maxKeys: 100 } });
  const { body: other } = await api.call("POST", "/keys", { name: "other", scope: "admin" });
  const answers = await Promise.all(Array.from({ length: 10 }, () => api.call("GET", "/tenants")));
  const refused = answers.filter(({ status }) => status === 429);
  expect(refused.length).toBeGreaterThan(0);
  expect(refused[0]?.headers["retry-after"]).toBe("1");
  expect(refused[0]?.body.error.code).toBe("rate_limited");
  expect((await api.call("GET", "/tenants", undefined, other.key)).status).toBe(200);
  expect(new Set(api.refused)).toEqual(new Set(["key_rate"]));
});

test("calls of one key that wait too long for each other get 429, and other keys' do not", async () => {
  const api = await serveBounded({ keyShare: { perHolder: 1, maxWaitMs: 100, maxWaiting: 10 } });
  await api.call("PUT", "/tenants/t", {});
  const { body: other } = await api.call("POST", "/keys", { name: "other", scope: "admin" });
  let end = () => {};
  const locked = new Promise<void>((resolve) => {
    end = resolve;
  });
  const lock = api.database.transaction(async (transaction) => {
    await transaction.query({ text: "SELECT FROM tenants WHERE id = 't' FOR UPDATE" });
    await locked;
  });
  const slow = api.call("PUT", "/tenants/t", { name: "a" });
  await until("the call waits for the lock", async () => {
    const waiting = await api.database.pipeline.query({
      text: `SELECT FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = 'headrace-api' AND wait_event_type = 'Lock'`,
    });
    return waiting.length === 1;
  });
  const refused = await api.call("GET", "/tenants");
  expect([refused.status, refused.body.error.code]).toEqual([429, "rate_limited"]);
  expect(refused.headers["retry-after"]).toBeDefined();
  expect((await api.call("GET", "/tenants", undefined, other.key)).status).toBe(200);
  end();
  await lock;
  expect((await slow).status).toBe(200);
  expect((await api.call("GET", "/tenants")).status).toBe(200);
  expect(api.refused).toEqual(["key_share"]);
});
