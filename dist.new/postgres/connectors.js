import { raiseCounter } from "./change-counters.js";
const COLUMNS = "id, name, webhook, source, created_at, updated_at";
/** Stores a connector. Raise the receive counter first in the same transaction: it orders what is checked against it. */
export async function putConnector(transaction, id, settings) {
    const [row] = await transaction.query({
        text: `INSERT INTO connectors (id, name, webhook, source) VALUES ($1, $2, $3, $4)
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, webhook = excluded.webhook, source = excluded.source,
        updated_at = now()
      RETURNING ${COLUMNS}`,
        values: [id, settings.name ?? null, settings.webhook ?? null, settings.source ?? null],
    });
    return asStoredConnector(row);
}
export async function findConnector(transaction, id) {
    const [row] = await transaction.query({
        text: `SELECT ${COLUMNS} FROM connectors WHERE id = $1`,
        values: [id],
    });
    return row === undefined ? undefined : asStoredConnector(row);
}
/** A page of the connectors in the order of their ids. */
export async function listConnectors(transaction, page) {
    const rows = await transaction.query({
        text: `SELECT ${COLUMNS} FROM connectors WHERE id > $1 ORDER BY id LIMIT $2`,
        values: [page.afterId, page.limit],
    });
    return rows.map(asStoredConnector);
}
/** Deletes a connector with every endpoint of it; false when there is none. */
export async function deleteConnector(transaction, id) {
    await raiseCounter(transaction, "receive");
    await transaction.query({ text: "DELETE FROM endpoints WHERE connector = $1", values: [id] });
    const rows = await transaction.query({
        text: "DELETE FROM connectors WHERE id = $1 RETURNING 1",
        values: [id],
    });
    return rows.length > 0;
}
/** The different params that endpoints of a connector have, each with one endpoint that has them; at most `limit`. */
export async function listEndpointParams(transaction, connector, limit) {
    const rows = await transaction.query({
        text: `SELECT DISTINCT ON (params) params, tenant_id, endpoint FROM endpoints
      WHERE connector = $1 ORDER BY params, tenant_id, endpoint LIMIT $2`,
        values: [connector, limit],
    });
    return rows.map((row) => ({ tenantId: row.tenant_id, endpoint: row.endpoint, params: row.params }));
}
function asStoredConnector(row) {
    return {
        id: row.id,
        name: row.name ?? undefined,
        webhook: row.webhook ?? undefined,
        source: row.source ?? undefined,
        createdAt: row.created_at,
        updatedAt: row.updated_at,
    };
}
//# sourceMappingURL=connectors.js.map