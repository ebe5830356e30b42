import { SECRET } from "./deliver.js";
import { api } from "./process.js";
/** A tenant with a Standard Webhooks endpoint of the connector `shop`, and flows that are deployed. */
export async function setUpTenant(url, tenantId, flows) {
    await api(url, "PUT", `/tenants/${tenantId}`, {});
    await api(url, "PUT", "/connectors/shop", { webhook: { preset: "standard-webhooks" } });
    await api(url, "PUT", `/tenants/${tenantId}/endpoints/shop`, { secrets: [{ value: SECRET }] });
    for (const [id, flow] of Object.entries(flows)) {
        await api(url, "PUT", `/tenants/${tenantId}/flows/${id}`, flow);
        await api(url, "POST", `/tenants/${tenantId}/flows/${id}/deploy`);
    }
    return { webhookPath: `/api/v1/webhooks/shop/${tenantId}` };
}
