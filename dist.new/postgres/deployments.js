import { HeadraceError } from "../domain/errors.js";
import { raiseCounter } from "./change-counters.js";
/**
 * Every deployment that began or ended after the flows counter had the value `since`, in the order of their
 * beginnings, with the counter of the same moment; for `since` 0 those that are live.
 */
export async function loadDeployments(database, since) {
    const rows = await database.query({
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
export async function loadEndedDeployments(database, { after, upTo }) {
    const rows = await database.query({
        name: "load-ended-deployments",
        text: `SELECT d.*, v.definition FROM deployments d JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.deployed_until > $1 AND d.deployed_until <= $2 ORDER BY d.deployed_from`,
        values: [after, upTo],
    });
    return rows.map(asDeployment);
}
function asDeployment(row) {
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
export async function deployFlow(transaction, flow) {
    const counter = await endDeployment(transaction, flow);
    const deployed = await transaction.query({
        text: `INSERT INTO deployments (tenant_id, flow_id, version, deployed_from)
      SELECT id, $2, $3, $4 FROM tenants WHERE id = $1 AND deleted_at IS NULL RETURNING 1`,
        values: [flow.tenantId, flow.flowId, flow.version, counter],
    });
    if (deployed.length === 0)
        throw new HeadraceError("not_found", `There is no tenant ${flow.tenantId}`);
    await transaction.query({
        text: "UPDATE flows SET deployed_version = $3, updated_at = now() WHERE tenant_id = $1 AND id = $2",
        values: [flow.tenantId, flow.flowId, flow.version],
    });
}
/** Takes a flow's trigger away. Lock the flow first. */
export async function undeployFlow(transaction, flow) {
    await endDeployment(transaction, flow);
    await transaction.query({
        text: "UPDATE flows SET deployed_version = NULL, updated_at = now() WHERE tenant_id = $1 AND id = $2",
        values: [flow.tenantId, flow.flowId],
    });
}
async function endDeployment(transaction, flow) {
    const counter = await raiseCounter(transaction, "flows");
    await transaction.query({
        text: `UPDATE deployments SET deployed_until = $3
      WHERE tenant_id = $1 AND flow_id = $2 AND deployed_until IS NULL`,
        values: [flow.tenantId, flow.flowId, counter],
    });
    return counter;
}
//# sourceMappingURL=deployments.js.map