import { HeadraceError } from "../domain/errors.ts";
import type { FlowDefinition } from "../domain/flow.ts";
import { raiseCounter } from "./change-counters.ts";
import type { Queryable } from "./database.ts";

/** One version of a flow, live from one value of the flows counter until another, or still. */
export interface Deployment {
  tenantId: string;
  flowId: string;
  version: number;
  definition: FlowDefinition;
  from: number;
  /** The first value at which it is live no longer. */
  until: number | undefined;
}

interface DeploymentRow {
  tenant_id: string;
  flow_id: string;
  version: number;
  definition: FlowDefinition;
  deployed_from: string;
  deployed_until: string | null;
}

/**
 * Every deployment that began or ended after the flows counter had the value `since`, in the order of their
 * beginnings, with the counter of the same moment; for `since` 0 those that are live.
 */
export async function loadDeployments(
  database: Queryable,
  since: number,
): Promise<{ deployments: Deployment[]; counter: number }> {
  const rows = await database.query<{ counter: string } & (DeploymentRow | { tenant_id: null })>({
    name: "load-deployments",
    text: `SELECT c.value AS counter, d.*, v.definition
      FROM change_counters c
      LEFT JOIN (SELECT * FROM deployments
        WHERE CASE WHEN $1::bigint = 0 THEN deployed_until IS NULL
          ELSE deployed_from > $1 OR deployed_until > $1 END) d ON true
      LEFT JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE c.name = 'flows'
      ORDER BY d.deployed_from`,
    values: [since],
  });
  const deployments = rows.flatMap((row) => (row.tenant_id === null ? [] : asDeployment(row)));
  return { deployments, counter: Number(rows[0]?.counter) };
}

/** The deployments that ended after the flows counter had the value `after`, and not after it had `upTo`. */
export async function loadEndedDeployments(
  database: Queryable,
  { after, upTo }: { after: number; upTo: number },
): Promise<Deployment[]> {
  const rows = await database.query<DeploymentRow>({
    name: "load-ended-deployments",
    text: `SELECT d.*, v.definition FROM deployments d JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.deployed_until > $1 AND d.deployed_until <= $2 ORDER BY d.deployed_from`,
    values: [after, upTo],
  });
  return rows.map(asDeployment);
}

function asDeployment(row: DeploymentRow): Deployment {
  return {
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    version: row.version,
    definition: row.definition,
    from: Number(row.deployed_from),
    until: row.deployed_until === null ? undefined : Number(row.deployed_until),
  };
}

/**
 * Makes a version the live one, in place of another or of none. Lock the flow first. Throws `not_found` when the
 * tenant was deleted meanwhile: whoever deletes it ends the deployments that there are.
 */
export async function deployFlow(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string; version: number },
): Promise<void> {
  const counter = await endDeployment(transaction, flow);
  const deployed = await transaction.query({
    text: `INSERT INTO deployments (tenant_id, flow_id, version, deployed_from)
      SELECT id, $2, $3, $4 FROM tenants WHERE id = $1 AND deleted_at IS NULL RETURNING 1`,
    values: [flow.tenantId, flow.flowId, flow.version, counter],
  });
  if (deployed.length === 0) throw new HeadraceError("not_found", `There is no tenant ${flow.tenantId}`);
  await transaction.query({
    text: "UPDATE flows SET deployed_version = $3, updated_at = now() WHERE tenant_id = $1 AND id = $2",
    values: [flow.tenantId, flow.flowId, flow.version],
  });
}

/** Takes a flow's trigger away. Lock the flow first. */
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
