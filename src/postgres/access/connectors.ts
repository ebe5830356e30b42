import { raiseCounter } from "../core/change-counters.ts";
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

/** Deletes a connector with its endpoints and sources; false when there is none. */
export async function deleteConnector(transaction: Queryable, id: string): Promise<boolean> {
  await raiseCounter(transaction, "receive");
  await raiseCounter(transaction, "sources");
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
): Promise<{ tenantId: string; endpoint: string; params: Record<string, string> }[]> {
  const rows = await transaction.query<{
    tenant_id: string;
    endpoint: string;
    params: Record<string, string>;
  }>(sql`SELECT DISTINCT ON (params) params, tenant_id, endpoint FROM endpoints
      WHERE connector = ${connector} ORDER BY params, tenant_id, endpoint LIMIT ${limit}`);
  return rows.map((row) => ({ tenantId: row.tenant_id, endpoint: row.endpoint, params: row.params }));
}
