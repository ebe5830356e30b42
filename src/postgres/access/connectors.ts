import type { Queryable } from "../core/database.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { sql } from "../core/sql.ts";

/** The settings of a connector. */
export interface ConnectorSettings {
  name: string | undefined;
  /** How its deliveries are verified: a preset with params, or a scheme. Undefined: it receives none. */
  webhook: Record<string, unknown> | undefined;
  /** How its records are polled. Undefined: they are not. */
  source: Record<string, unknown> | undefined;
}

export interface StoredConnector extends ConnectorSettings {
  id: string;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = sql`id, name, webhook, source, created_at, updated_at`;

/**
 * Stores a connector. In the same transaction, raise the receive counter first, so that concurrent checks against the
 * connector are ordered, and then the sources counter, whose value becomes the version of a changed source.
 */
export async function putConnector(
  transaction: Queryable,
  id: string,
  settings: ConnectorSettings & { sourceVersion: number },
): Promise<StoredConnector> {
  const [row] = await transaction.query(sql`INSERT INTO connectors AS n ${sql.row({
    id,
    name: settings.name,
    webhook: settings.webhook,
    source: settings.source,
    source_version: settings.sourceVersion,
  })}
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, webhook = excluded.webhook, source = excluded.source,
        source_version = CASE WHEN n.source IS DISTINCT FROM excluded.source
          THEN excluded.source_version ELSE n.source_version END,
        updated_at = now()
      RETURNING ${COLUMNS}`);
  return fromRow<StoredConnector>(row as object);
}

/** A connector, if there is one of this id. */
export async function findConnector(
  transaction: Queryable,
  id: string,
): Promise<StoredConnector | undefined> {
  const [row] = await transaction.query(sql`SELECT ${COLUMNS} FROM connectors WHERE id = ${id}`);
  return fromRow<StoredConnector>(row);
}

/** A page of the connectors in the order of their ids. */
export async function listConnectors(
  transaction: Queryable,
  page: { afterId: string; limit: number },
): Promise<StoredConnector[]> {
  const rows = await transaction.query(
    sql`SELECT ${COLUMNS} FROM connectors WHERE id > ${page.afterId} ORDER BY id LIMIT ${page.limit}`,
  );
  return fromRows<StoredConnector>(rows);
}

/** A part of a tenant that uses a connector. */
export interface ConnectorUser {
  kind: "endpoint" | "source" | "flow";
  tenantId: string;
  id: string;
}

/**
 * Lists the users of a connector, at most `limit` of each kind: endpoints, sources, and the flows whose newest or deployed
 * version names it. Those of deleted tenants do not count.
 */
export async function listConnectorUsers(
  transaction: Queryable,
  connector: string,
  limit: number,
): Promise<ConnectorUser[]> {
  const rows = await transaction.query<{ kind: ConnectorUser["kind"]; tenant_id: string; id: string }>(
    sql`(SELECT 'endpoint' AS kind, e.tenant_id, e.endpoint AS id
        FROM endpoints e JOIN tenants t ON t.id = e.tenant_id AND t.deleted_at IS NULL
        WHERE e.connector = ${connector} ORDER BY e.tenant_id, e.endpoint LIMIT ${limit})
      UNION ALL (SELECT 'source', s.tenant_id, s.id
        FROM sources s JOIN tenants t ON t.id = s.tenant_id AND t.deleted_at IS NULL
        WHERE s.connector = ${connector} ORDER BY s.tenant_id, s.id LIMIT ${limit})
      UNION ALL (SELECT 'flow', f.tenant_id, f.id
        FROM flows f JOIN tenants t ON t.id = f.tenant_id AND t.deleted_at IS NULL
        WHERE f.deleted_at IS NULL AND EXISTS (SELECT FROM flow_versions v
          WHERE v.tenant_id = f.tenant_id AND v.flow_id = f.id AND v.version IN (f.version, f.deployed_version)
            AND v.definition #>> '{trigger,connector}' = ${connector})
        ORDER BY f.tenant_id, f.id LIMIT ${limit})`,
  );
  return rows.map(({ kind, tenant_id: tenantId, id }) => ({ kind, tenantId, id }));
}

/**
 * Deletes a connector with its endpoints and sources; false when there is none. Raise the receive counter and then the
 * sources counter in the same transaction.
 */
export async function deleteConnector(transaction: Queryable, id: string): Promise<boolean> {
  await transaction.query(sql`DELETE FROM sources WHERE connector = ${id}`);
  await transaction.query(sql`DELETE FROM endpoints WHERE connector = ${id}`);
  const rows = await transaction.query(sql`DELETE FROM connectors WHERE id = ${id} RETURNING 1`);
  return rows.length > 0;
}

/** Lists the distinct params of a connector's endpoints, each with one endpoint that has them; at most `limit`. */
export async function listEndpointParams(
  transaction: Queryable,
  connector: string,
  limit: number,
): Promise<{ tenantId: string; endpoint: string; params: Record<string, string | number | boolean> }[]> {
  const rows = await transaction.query<{
    tenant_id: string;
    endpoint: string;
    params: Record<string, string | number | boolean>;
  }>(sql`SELECT DISTINCT ON (params) params, tenant_id, endpoint FROM endpoints
      WHERE connector = ${connector} ORDER BY params, tenant_id, endpoint LIMIT ${limit}`);
  return rows.map((row) => ({ tenantId: row.tenant_id, endpoint: row.endpoint, params: row.params }));
}
