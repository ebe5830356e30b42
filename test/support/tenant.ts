import { SECRET } from "./deliver.ts";
import { api } from "./process.ts";

/** A tenant with a Standard Webhooks endpoint of the connector `shop`, and deployed flows. */
export async function setUpTenant(
  url: string,
  tenantId: string,
  flows: Record<string, unknown>,
): Promise<{ webhookPath: string }> {
  await api(url, "PUT", `/tenants/${tenantId}`, {});
  await api(url, "PUT", "/connectors/shop", { webhook: { preset: "standard-webhooks" } });
  await api(url, "PUT", `/tenants/${tenantId}/endpoints/shop`, { secrets: [{ value: SECRET }] });
  for (const [id, flow] of Object.entries(flows)) await putAndDeploy(url, tenantId, id, flow);
  return { webhookPath: `/api/v1/webhooks/shop/${tenantId}` };
}

/** Puts and deploys a flow of an existing tenant; returns the response to the deploy. */
export async function putAndDeploy(
  url: string,
  tenantId: string,
  flowId: string,
  flow: unknown,
): Promise<unknown> {
  await api(url, "PUT", `/tenants/${tenantId}/flows/${flowId}`, flow);
  return await api(url, "POST", `/tenants/${tenantId}/flows/${flowId}/deploy`);
}

/** A flow that calls the URL for each event of the connector `shop`. */
export function shopFlow(targetUrl: string): {
  trigger: { connector: string };
  action: { type: string; url: string };
} {
  return { trigger: { connector: "shop" }, action: { type: "http", url: targetUrl } };
}

/** Retries that follow quickly, for targets that fail at first. */
export const QUICK_RETRY = { max_attempts: 3, backoff: "fixed", delay_ms: 50 };
