import { raiseCounter } from "./change-counters.js";
const SELECT_FLOWS = `SELECT f.tenant_id, f.id, f.version, f.deployed_version, v.definition, f.created_at, f.updated_at
  FROM flows f JOIN flow_versions v ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, f.version)
  WHERE f.deleted_at IS NULL`;
export async function findFlow(database, tenantId, id) {
    const [row] = await database.query({
        text: `${SELECT_FLOWS} AND f.tenant_id = $1 AND f.id = $2`,
        values: [tenantId, id],
    });
    return row === undefined ? undefined : asStoredFlow(row);
}
/** The newest version of a flow, which nobody deploys, undeploys or deletes until the transaction ends. */
export async function lockFlow(transaction, tenantId, id) {
    const [row] = await transaction.query({
        text: "SELECT version FROM flows WHERE tenant_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        values: [tenantId, id],
    });
    return row?.version;
}
/** A page of a tenant's flows in the order of their ids. */
export async function listFlows(database, tenantId, page) {
    const rows = await database.query({
        text: `${SELECT_FLOWS} AND f.tenant_id = $1 AND f.id > $2 ORDER BY f.id LIMIT $3`,
        values: [tenantId, page.afterId, page.limit],
    });
    return rows.map(asStoredFlow);
}
/** Where a flow's signing secret lives, which is sealed with it. */
export function signingPlace(flow) {
    return `${flow.tenantId}/flows/${flow.flowId}`;
}
/**
 * Stores a flow's definition as its newest version; the same definition again makes none. A flow that was deleted
 * comes back, undeployed. The signing secret is stored for a new or returning flow, and for another only with
 * `replaceSecret`; `secretStored` says whether it was.
 */
export async function putFlow(transaction, flow) {
    const [row] = await transaction.query({
        text: `INSERT INTO flows AS f (tenant_id, id, version, signing_sealed, signing_key_id) VALUES ($1, $2, 0, $3, $4)
      ON CONFLICT (tenant_id, id) DO UPDATE SET deleted_at = NULL, updated_at = now(),
        signing_sealed = CASE WHEN f.deleted_at IS NULL AND NOT $5 THEN f.signing_sealed ELSE excluded.signing_sealed END,
        signing_key_id = CASE WHEN f.deleted_at IS NULL AND NOT $5 THEN f.signing_key_id ELSE excluded.signing_key_id END
      RETURNING (f.signing_sealed = $3) AS stored`,
        values: [flow.tenantId, flow.id, flow.signingSealed, flow.signingKeyId, flow.replaceSecret ?? false],
    });
    await transaction.query({
        text: `WITH next AS (
        INSERT INTO flow_versions (tenant_id, flow_id, version, definition)
        SELECT f.tenant_id, f.id, f.version + 1, $3::jsonb
        FROM flows f LEFT JOIN flow_versions v ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, f.version)
        WHERE f.tenant_id = $1 AND f.id = $2 AND v.definition IS DISTINCT FROM $3::jsonb
        RETURNING version
      )
      UPDATE flows SET version = next.version FROM next WHERE tenant_id = $1 AND id = $2`,
        values: [flow.tenantId, flow.id, JSON.stringify(flow.definition)],
    });
    // Workers hold opened secrets for as long as the counter stands still.
    if (row?.stored)
        await raiseCounter(transaction, "flows");
    return { secretStored: row?.stored ?? false };
}
/** Hides a flow; its versions stay for the runs that name them. Lock and undeploy it in the same transaction. */
export async function deleteFlow(transaction, tenantId, id) {
    await transaction.query({
        text: "UPDATE flows SET deleted_at = now() WHERE tenant_id = $1 AND id = $2",
        values: [tenantId, id],
    });
}
/** The versions named, those that exist. */
export async function loadFlowVersions(database, wanted) {
    const rows = await database.query({
        name: "load-flow-versions",
        text: `SELECT v.tenant_id, v.flow_id, v.version, v.definition, f.signing_sealed, f.signing_key_id
      FROM unnest($1::text[], $2::text[], $3::int[]) AS w (tenant_id, flow_id, version)
      JOIN flow_versions v USING (tenant_id, flow_id, version)
      JOIN flows f ON (f.tenant_id, f.id) = (v.tenant_id, v.flow_id)`,
        values: [
            wanted.map((flow) => flow.tenantId),
            wanted.map((flow) => flow.flowId),
            wanted.map((flow) => flow.version),
        ],
    });
    return rows.map((row) => ({
        tenantId: row.tenant_id,
        flowId: row.flow_id,
        version: row.version,
        definition: row.definition,
        signingSealed: row.signing_sealed,
        signingKeyId: row.signing_key_id,
    }));
}
function asStoredFlow(row) {
    return {
        tenantId: row.tenant_id,
        id: row.id,
        version: row.version,
        deployedVersion: row.deployed_version ?? undefined,
        definition: row.definition,
        createdAt: row.created_at,
        updatedAt: row.updated_at,
    };
}
//# sourceMappingURL=flows.js.map