import { raiseCounter } from "../core/change-counters.ts";
import type { Queryable } from "../core/database.ts";
import { sql } from "../core/sql.ts";

/** What may be set of a connector. */
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

interface ConnectorRow {
  id: string;
  name: string | null;
  webhook: Record<string, unknown> | null;
  source: Record<string, unknown> | null;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = sql`id, name, webhook, source, created_at, updated_at`;

/**
 * Stores a connector. Raise the receive counter first in the same transaction, which orders what is checked against
 * it, and then the sources counter: its value names a source that is another than before.
 */
export async function putConnector(
  transaction: Queryable,
  id: string,
  settings: ConnectorSettings & { sourceVersion: number },
): Promise<StoredConnector> {
  const [row] =
    await transaction.query<ConnectorRow>(sql`INSERT INTO connectors AS n (id, name, webhook, source, source_version) VALUES (${id}, ${settings.name}, ${settings.webhook}, ${settings.source}, ${settings.sourceVersion})
      ON CONFLICT (id) DO UPDATE SET name = excluded.name, webhook = excluded.webhook, source = excluded.source,
        source_version = CASE WHEN n.source IS DISTINCT FROM excluded.source
          THEN excluded.source_version ELSE n.source_version END,
        updated_at = now()
      RETURNING ${COLUMNS}`);
  return asStoredConnector(row as ConnectorRow);
}

/** A connector, if there is one of this id. */
export async function findConnector(
  transaction: Queryable,
  id: string,
): Promise<StoredConnector | undefined> {
  const [row] = await transaction.query<ConnectorRow>(
    sql`SELECT ${COLUMNS} FROM connectors WHERE id = ${id}`,
  );
  return row === undefined ? undefined : asStoredConnector(row);
}

/** A page of the connectors in the order of their ids. */
export async function listConnectors(
  transaction: Queryable,
  page: { afterId: string; limit: number },
): Promise<StoredConnector[]> {
  const rows = await transaction.query<ConnectorRow>(
    sql`SELECT ${COLUMNS} FROM connectors WHERE id > ${page.afterId} ORDER BY id LIMIT ${page.limit}`,
  );
  return rows.map(asStoredConnector);
}

/** Deletes a connector with every endpoint and source of it; false when there is none. */
export async function deleteConnector(transaction: Queryable, id: string): Promise<boolean> {
  await raiseCounter(transaction, "receive");
  await raiseCounter(transaction, "sources");
  await transaction.query(sql`DELETE FROM sources WHERE connector = ${id}`);
  await transaction.query(sql`DELETE FROM endpoints WHERE connector = ${id}`);
  const rows = await transaction.query(sql`DELETE FROM connectors WHERE id = ${id} RETURNING 1`);
  return rows.length > 0;
}

/** The different params that endpoints of a connector have, each with one endpoint that has them; at most `limit`. */
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

function asStoredConnector(row: ConnectorRow): StoredConnector {
  return {
    id: row.id,
    name: row.name ?? undefined,
    webhook: row.webhook ?? undefined,
    source: row.source ?? undefined,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
