import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

interface Board {
  queues: { name: string; readOnlyMode: boolean; counts: Record<string, number> }[];
}

describe("the queue board", () => {
  test("the queue board shows admins each lane read-only, and nobody else sees it", async () => {
    const { start } = await createInstallation();
    const [headrace, relay] = await Promise.all([start({ roles: "api" }), start({ roles: "relay" })]);
    const { url } = headrace;
    const get = (path: string, authorization?: string, method = "GET", base = url) =>
      fetch(`${base}/admin/queues${path}`, {
        method,
        headers: authorization === undefined ? {} : { authorization },
        signal: AbortSignal.timeout(5_000),
      });
    const basic = (key: string) => `Basic ${Buffer.from(`anybody:${key}`).toString("base64")}`;
    const admin = basic(ADMIN_KEY);

    // Without a worker, the job of a manual run waits.
    await api(url, "PUT", "/tenants/acme", {});
    const flow = { trigger: {}, action: { type: "code", handler: "h" } };
    await api(url, "PUT", "/tenants/acme/flows/f", flow);
    await api(url, "POST", "/tenants/acme/flows/f/run", {});
    const queues = async () => ((await (await get("/api/queues", admin)).json()) as Board).queues;
    await until("the job waits", async () => (await queues())[0]?.counts["waiting"] === 1);
    expect((await queues()).map((queue) => [queue.name, queue.readOnlyMode])).toEqual(
      [1, 2, 3, 4].map((lane) => [`P${lane} runs`, true]),
    );

    const page = await get("", admin);
    expect([page.status, page.headers.get("content-type")]).toEqual([200, "text/html; charset=utf-8"]);
    const html = await page.text();
    const script = /src="([^"]*\/static\/[^"]+\.js)"/.exec(html)?.[1];
    expect(
      (await fetch(new URL(script ?? "", `${url}/admin/queues/`), { headers: { authorization: admin } }))
        .status,
    ).toBe(200);
    expect((await get("/api/queues", `Bearer ${ADMIN_KEY}`)).status).toBe(200);

    const name = encodeURIComponent("P1 runs");
    expect((await get(`/api/queues/${name}/pause`, admin, "PUT")).status).toBe(405);
    expect((await get(`/api/queues/${name}/obliterate`, admin, "PUT")).status).toBe(405);
    expect((await queues())[0]?.counts["waiting"]).toBe(1);

    const { key } = (await api(url, "POST", "/keys", { name: "w", tenant_id: "acme", scope: "write" })) as {
      key: string;
    };
    for (const path of ["", "/api/queues", "/static/favicon-32x32.png"]) {
      const without = await get(path);
      expect([path, without.status]).toEqual([path, 401]);
      expect(without.headers.get("www-authenticate")).toMatch(/^Basic realm=/);
      expect((await get(path, basic("x".repeat(40)))).status).toBe(401);
      expect((await get(path, basic(key))).status).toBe(403);
    }
    // The API itself accepts no password.
    const tenants = await fetch(`${url}/api/v1/tenants`, { headers: { authorization: admin } });
    expect([tenants.status, tenants.headers.get("www-authenticate")]).toEqual([401, "Bearer"]);
    expect((await get("", admin, "GET", relay.url)).status).toBe(404);
    expect(JSON.stringify(await (await fetch(`${url}/openapi.json`)).json())).not.toContain("admin/queues");
  }, 60_000);
});
