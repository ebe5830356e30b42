export async function findReceivingEndpoint(database, name) {
    const rows = await database.query({
        name: "find-receiving-endpoint",
        text: `SELECT c.value AS counter, e.enabled, e.account, n.webhook, e.params, s.id AS secret_id, s.sealed, s.key_id,
        s.not_after
      FROM change_counters c
      LEFT JOIN (endpoints e JOIN connectors n ON n.id = e.connector
        JOIN tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL)
        ON e.tenant_id = $1 AND e.connector = $2 AND e.endpoint = $3
      LEFT JOIN endpoint_secrets s USING (tenant_id, connector, endpoint)
      WHERE c.name = 'receive'
      ORDER BY s.position`,
        values: [name.tenantId, name.connector, name.endpoint],
    });
    const [first] = rows;
    const counter = Number(first?.counter);
    if (first === undefined || first.enabled === null)
        return { counter, endpoint: undefined };
    return {
        counter,
        endpoint: {
            enabled: first.enabled,
            account: first.account ?? undefined,
            webhook: first.webhook,
            params: first.params,
            secrets: rows.flatMap((row) => row.secret_id === null
                ? []
                : {
                    id: row.secret_id,
                    sealed: row.sealed,
                    keyId: row.key_id,
                    notAfterMs: row.not_after?.getTime(),
                }),
        },
    };
}
//# sourceMappingURL=receiving-endpoints.js.map