import type { FlowDefinition } from "../domain/flow.ts";
import { raiseCounter } from "./change-counters.ts";
import type { Queryable } from "./database.ts";

/** A flow that is deployed, or one that no longer is (`definition` is absent). */
export interface DeploymentChange {
  tenantId: string;
  flowId: string;
  version: number;
  definition: FlowDefinition | undefined;
}

/**
 * What changed between two values of the flows counter, `since` excluded and the answer's own included, in the
 * order in which it happened; everything that is live for `since` 0.
 */
export async function loadDeployments(
  database: Queryable,
  since: number,
): Promise<{ changes: DeploymentChange[]; counter: number }> {
  const rows = await database.query<{
    counter: string;
    tenant_id: string | null;
    flow_id: string;
    version: number;
    live: boolean;
    definition: FlowDefinition;
  }>({
    name: "load-deployments",
    text: `SELECT c.value AS counter, d.tenant_id, d.flow_id, d.version, d.live, v.definition
      FROM change_counters c
      LEFT JOIN (
        SELECT DISTINCT ON (tenant_id, flow_id) tenant_id, flow_id, version, deployed_from,
          deployed_until IS NULL AS live
        FROM deployments
        WHERE (deployed_from > $1 OR deployed_until > $1) AND ($1 > 0 OR deployed_until IS NULL)
        ORDER BY tenant_id, flow_id, deployed_from DESC
      ) d ON true
      LEFT JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE c.name = 'flows'
      ORDER BY d.deployed_from`,
    values: [since],
  });
  const changes = rows.flatMap((row) =>
    row.tenant_id === null
      ? []
      : {
          tenantId: row.tenant_id,
          flowId: row.flow_id,
          version: row.version,
          definition: row.live ? row.definition : undefined,
        },
  );
  return { changes, counter: Number(rows[0]?.counter) };
}

/** Makes a version the live one, in place of another or of none. */
export async function deployFlow(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string; version: number },
): Promise<void> {
  const counter = await endDeployment(transaction, flow);
  await transaction.query({
    text: "INSERT INTO deployments (tenant_id, flow_id, version, deployed_from) VALUES ($1, $2, $3, $4)",
    values: [flow.tenantId, flow.flowId, flow.version, counter],
  });
  await transaction.query({
    text: "UPDATE flows SET deployed_version = $3, updated_at = now() WHERE tenant_id = $1 AND id = $2",
    values: [flow.tenantId, flow.flowId, flow.version],
  });
}

/** Takes a flow's trigger away. */
export async function undeployFlow(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<void> {
  await endDeployment(transaction, flow);
  await transaction.query({
    text: "UPDATE flows SET deployed_version = NULL, updated_at = now() WHERE tenant_id = $1 AND id = $2",
    values: [flow.tenantId, flow.flowId],
  });
}

async function endDeployment(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<number> {
  const counter = await raiseCounter(transaction, "flows");
  await transaction.query({
    text: `UPDATE deployments SET deployed_until = $3
      WHERE tenant_id = $1 AND flow_id = $2 AND deployed_until IS NULL`,
    values: [flow.tenantId, flow.flowId, counter],
  });
  return counter;
}
