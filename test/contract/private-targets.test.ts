import { expect, test } from "vitest";
import { createTargetRules } from "../../src/runtime/outgoing/index.ts";
import { serveApi } from "./serve-api.ts";

test("private addresses are rejected where a URL is stored", async () => {
  const api = await serveApi({ refusedTarget: createTargetRules(["10.1.0.0/16"], new Set()) });
  await api.call("PUT", "/tenants/acme", {});
  const source = { request: { url: "{base}/orders" }, pagination: { type: "none" }, records: "", id: "id" };
  await api.call("PUT", "/connectors/shop", { source });
  const statuses = async (url: string) => {
    const flow = { trigger: {}, action: { type: "http", url: `${url}/{{event.id}}` } };
    const polled = { connector: "shop", entity: "order", params: { base: url }, base_interval_seconds: 60 };
    return await Promise.all([
      api.call("PUT", "/tenants/acme/flows/f", flow),
      api.call("PUT", "/tenants/acme/dlq/policy", { alert: { webhook_url: url } }),
      api.call("PUT", "/dlq/policy", { alert: { webhook_url: url } }),
      api.call("PUT", "/tenants/acme/sources/s", polled),
    ]).then((answers) => answers.map(({ status }) => status));
  };
  for (const url of ["http://127.0.0.1:8080", "http://2130706433", "http://[::1]", "http://169.254.169.254"])
    expect(await statuses(url)).toEqual([422, 422, 422, 422]);
  for (const url of ["http://8.8.8.8", "http://10.1.2.3", "https://intranet.example"])
    expect(await statuses(url)).toEqual([200, 200, 200, 200]);
});
