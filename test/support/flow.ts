import { DEFAULT_RETRY, type FlowDefinition } from "../../src/domain/flow/flow.ts";
import type { Priority } from "../../src/domain/priority.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { acceptEvents } from "../../src/postgres/events/accept.ts";
import { deployFlow } from "../../src/postgres/flows/deployments.ts";
import { putFlow } from "../../src/postgres/flows/flows.ts";
import { insertTenant } from "./database.ts";

/** Stores and deploys a flow of a tenant, and returns its version. */
export async function deployed(
  database: Database,
  tenantId: string,
  flowId: string,
  definition: Partial<FlowDefinition> = {},
): Promise<number> {
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
    const [row] = await transaction.query<{ version: number }>({
      text: "SELECT version FROM flows WHERE tenant_id = $1 AND id = $2",
      values: [tenantId, flowId],
    });
    const version = row?.version as number;
    await deployFlow(transaction, { tenantId, flowId, version });
    return version;
  });
}

/** Accepts events of a tenant, one for each data, and returns their ids. */
export async function accepted(
  database: Database,
  tenantId: string,
  data: readonly unknown[],
  payloadOf: (one: unknown) => Buffer = (one) => Buffer.from(JSON.stringify(one)),
  priority: Priority = 2,
): Promise<string[]> {
  const result = await acceptEvents(
    database.ingest,
    data.map((one) => ({
      tenantId,
      connector: "shop",
      endpoint: "default",
      type: "order.paid",
      source: "webhook",
      priority,
      deliveryKey: `id:${JSON.stringify(one)}`,
      item: 0,
      headers: {},
      contentType: "application/json",
      payload: payloadOf(one),
      keys: [],
    })),
  );
  if (result.kind !== "accepted") throw new Error("expected to be accepted");
  return result.events.map((event) => event.eventId);
}
