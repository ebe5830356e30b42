import { expect, test } from "vitest";
import { serveApi } from "./serve-api.ts";

test("read keys get definitions without the credentials in URLs and headers", async () => {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  const url = "https://hooks.example/services/T0AB1CD2E/x?token=s3cretvalue&page=1";
  const source = {
    request: {
      url: "{base}/orders?key=k3yv4lue",
      headers: { "x-api-key": "k3yv4lue", accept: "application/json" },
    },
    pagination: { type: "none" },
    records: "",
    id: "id",
  };
  await api.call("PUT", "/connectors/shop", { source });
  await api.call("PUT", "/tenants/acme/flows/f", {
    trigger: {},
    action: { type: "http", url, headers: { authorization: "Bearer {{secret.shop}}", "x-team": "k3yv4lue" } },
  });
  await api.call("PUT", "/tenants/acme/dlq/policy", { alert: { webhook_url: url } });
  await api.call("PUT", "/tenants/acme/sources/s", {
    connector: "shop",
    entity: "order",
    params: { base: "https://api.example", base_url: url, access_token: "s3cretvalue" },
    base_interval_seconds: 60,
  });
  const { body } = await api.call("POST", "/keys", { name: "reader", scope: "read" });
  const paths = [
    "/connectors/shop",
    "/connectors",
    "/tenants/acme/flows/f",
    "/tenants/acme/flows",
    "/tenants/acme/dlq/policy",
    "/tenants/acme/sources/s",
    "/tenants/acme/sources",
  ];
  for (const path of paths) {
    const shown = await api.call("GET", path, undefined, body.key);
    expect([path, shown.status]).toEqual([path, 200]);
    expect(JSON.stringify(shown.body)).toContain("[redacted]");
    expect(JSON.stringify(shown.body)).not.toMatch(/s3cretvalue|k3yv4lue|T0AB1CD2E/);
    const written = await api.call("GET", path);
    expect(JSON.stringify(written.body)).not.toContain("[redacted]");
    expect(JSON.stringify(written.body)).toMatch(/s3cretvalue|k3yv4lue/);
  }
  const flow = await api.call("GET", "/tenants/acme/flows/f", undefined, body.key);
  expect(flow.body.action.headers.authorization).toBe("Bearer {{secret.shop}}");
  expect(flow.body.action.url).toBe("https://hooks.example/services/[redacted]/x?token=[redacted]&page=1");
});
