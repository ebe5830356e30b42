import { randomBytes } from "node:crypto";
import { generatedOnce } from "../runtime/generated-once.ts";
import { ownCommand } from "./own-command.ts";

const TENANT = "acme";
const CONNECTOR = "demo";
const SOURCE = "orders";

/** The target of the flows of the demo: a route of this process, registered only for the demo. */
export const DEMO_SINK_PATH = "/demo/sink";

/** The polled URL of the source of the demo: another route of this process. */
export const DEMO_ORDERS_PATH = "/demo/orders";

/** The process that the demo is seeded into, over its API. */
export interface DemoTarget {
  url: string;
  adminKey: string;
  /** Whether this start generated the admin key, which is then shown. */
  madeAdminKey: boolean;
  hasAdminKeySetting: boolean;
  dataDir: string;
}

/**
 * Seeds the demo over the API if there is no tenant yet, and returns the lines with the first steps for a new user.
 * Changes nothing in a database with tenants, and returns no lines unless it has the demo.
 */
export async function seedDemo(target: DemoTarget): Promise<string[]> {
  const { dataDir, url: base } = target;
  const call = (method: string, path: string, body?: unknown) =>
    request(`${base}/api/v1${path}`, target.adminKey, method, body);
  const secret = await generatedOnce(
    `${dataDir}/demo-secret`,
    () => `whsec_${randomBytes(24).toString("base64")}`,
  );
  const { items } = (await call("GET", "/tenants?limit=2")) as { items: { id: string }[] };
  if (items.length === 0) {
    await call("PUT", `/tenants/${TENANT}`, { name: "Acme" });
    await call("PUT", `/connectors/${CONNECTOR}`, {
      name: "Demo",
      webhook: { preset: "standard-webhooks" },
      source: {
        request: { url: `{base_url}${DEMO_ORDERS_PATH}` },
        pagination: { type: "none" },
        records: "orders",
        id: "id",
        updated_at: "updated_at",
        total: "total",
      },
    });
    await call("PUT", `/tenants/${TENANT}/endpoints/${CONNECTOR}`, { secrets: [{ value: secret.value }] });
    for (const [id, flow] of Object.entries(demoFlows(base))) {
      await call("PUT", `/tenants/${TENANT}/flows/${id}`, flow);
      await call("POST", `/tenants/${TENANT}/flows/${id}/deploy`);
    }
    await call("PUT", `/tenants/${TENANT}/sources/${SOURCE}`, {
      connector: CONNECTOR,
      entity: "order",
      params: { base_url: base },
      base_interval_seconds: 30,
      min_interval_seconds: 10,
      max_interval_seconds: 60,
    });
  } else if (!items.some((tenant) => tenant.id === TENANT)) {
    return [];
  }
  const keyLocation = target.hasAdminKeySetting ? "HEADRACE_ADMIN_KEY" : `${dataDir}/admin-key`;
  const keyText = target.hasAdminKeySetting ? "$HEADRACE_ADMIN_KEY" : `$(cat ${keyLocation})`;
  return [
    "",
    `  Console    ${base}/`,
    target.madeAdminKey
      ? `  Admin key  ${target.adminKey}   (kept in ${dataDir}/admin-key)`
      : `  Admin key  in ${keyLocation}`,
    "",
    "  Send a signed webhook:",
    `  ${ownCommand(process.cwd())} send standard-webhooks --url ${base}/api/v1/webhooks/${CONNECTOR}/${TENANT} --secret ${secret.value} --type order.paid --data '{"order":"A-1001","status":"completed","total":250}'`,
    "",
    `  The source ${SOURCE} is polled: one of its orders changes every 20 s.`,
    "",
    "  See the runs that both started:",
    `  curl -s -H "Authorization: Bearer ${keyText}" ${base}/api/v1/tenants/${TENANT}/runs`,
    "",
  ];
}

function demoFlows(base: string): Record<string, unknown> {
  const action = { type: "http", url: `${base}${DEMO_SINK_PATH}` };
  return {
    "large-orders": {
      name: "Large orders",
      trigger: {
        connector: CONNECTOR,
        event_types: ["order.*"],
        where: 'data.status eq "completed" and data.total gt 100',
      },
      action,
    },
    "every-event": { name: "Every event of the demo", trigger: { connector: CONNECTOR }, action },
  };
}

async function request(url: string, key: string, method: string, body: unknown): Promise<unknown> {
  const response = await fetch(url, {
    method,
    headers: {
      authorization: `Bearer ${key}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok)
    throw new Error(`${method} ${url} failed with status ${response.status}: ${text.slice(0, 500)}`);
  return text === "" ? undefined : JSON.parse(text);
}
