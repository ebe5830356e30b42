import { DEFAULT_RETRY } from "../../src/domain/flow.js";
import { acceptEvents } from "../../src/postgres/accept.js";
import { deployFlow } from "../../src/postgres/deployments.js";
import { putFlow } from "../../src/postgres/flows.js";
import { insertTenant } from "./database.js";
/** Stores and deploys a flow of a tenant; answers its version. */
export async function deployed(database, tenantId, flowId, definition = {}) {
    await insertTenant(database, tenantId);
    return await database.withTenant(tenantId, async (transaction) => {
        await putFlow(transaction, {
            tenantId,
            id: flowId,
            definition: {
                trigger: {},
                action: { type: "code", handler: "noop" },
                retry: DEFAULT_RETRY,
                ...definition,
            },
            signingSealed: Buffer.from("sealed"),
            signingKeyId: "k1",
        });
        const [row] = await transaction.query({
            text: "SELECT version FROM flows WHERE tenant_id = $1 AND id = $2",
            values: [tenantId, flowId],
        });
        const version = row?.version;
        await deployFlow(transaction, { tenantId, flowId, version });
        return version;
    });
}
/** Accepts events of a tenant, each with its own data; answers their ids. */
export async function accepted(database, tenantId, data, payloadOf = (one) => Buffer.from(JSON.stringify(one))) {
    const result = await acceptEvents(database.ingest, data.map((one) => ({
        tenantId,
        connector: "shop",
        endpoint: "default",
        type: "order.paid",
        source: "webhook",
        priority: 2,
        deliveryKey: `id:${JSON.stringify(one)}`,
        item: 0,
        headers: {},
        contentType: "application/json",
        payload: payloadOf(one),
        keys: [],
    })));
    if (result.kind !== "accepted")
        throw new Error("expected to be accepted");
    return result.events.map((event) => event.eventId);
}
