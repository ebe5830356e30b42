import type { SourceDefinition } from "../../domain/source.ts";
import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";

export interface SourceName {
  tenantId: string;
  /** Unique within its tenant. */
  source: string;
}

/** The settings of a source, without its credentials. */
export interface SourceSettings {
  connector: string;
  entity: string;
  definition: SourceDefinition;
  enabled: boolean;
}

/** A source as the API shows it: never its credentials. */
export interface StoredSource extends SourceName, SourceSettings {
  hasCredentials: boolean;
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = sql`tenant_id, id AS source, connector, entity, definition,
  credentials_sealed IS NOT NULL AS has_credentials, enabled, created_at, updated_at`;

/** The associated data with which a source's credentials are sealed. */
export function credentialsAad({ tenantId, source }: SourceName): string {
  return `${tenantId}/sources/${source}`;
}

/**
 * Stores a source; replaces one of this name, whose credentials stay if `credentials` is `kept`. `version` is the sources
 * counter, raised in the same transaction.
 */
export async function putSource(
  transaction: Queryable,
  { tenantId, source }: SourceName,
  settings: SourceSettings & { credentials: Sealed | "kept" | undefined; version: number },
): Promise<StoredSource> {
  const { connector, entity, definition, enabled, version } = settings;
  const credentials = settings.credentials === "kept" ? undefined : settings.credentials;
  const replaced =
    settings.credentials === "kept"
      ? sql``
      : sql`credentials_sealed = excluded.credentials_sealed, credentials_key_id = excluded.credentials_key_id,
        credentials_version = excluded.credentials_version, `;
  const [row] = await transaction.query(sql`INSERT INTO sources ${sql.row({
    tenant_id: tenantId,
    id: source,
    connector,
    entity,
    definition,
    credentials_sealed: credentials?.sealed,
    credentials_key_id: credentials?.keyId,
    credentials_version: version,
    enabled,
    version,
  })}
      ON CONFLICT (tenant_id, id) DO UPDATE SET connector = excluded.connector, entity = excluded.entity,
        definition = excluded.definition, ${replaced}enabled = excluded.enabled, version = excluded.version,
        updated_at = now()
      RETURNING ${COLUMNS}`);
  return fromRow<StoredSource>(row as object);
}

export async function findSource(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<StoredSource | undefined> {
  const [row] = await transaction.query(
    sql`SELECT ${COLUMNS} FROM sources WHERE (tenant_id, id) = (${tenantId}, ${source})`,
  );
  return fromRow<StoredSource>(row);
}

/** The stored credentials of a source, if it has any, and the place that they were given for. */
export async function findSourceCredentials(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<{ connector: string; params: Readonly<Record<string, string>>; sealed: Sealed } | undefined> {
  const [row] = await transaction.query<{
    connector: string;
    params: Record<string, string>;
    credentials_sealed: Buffer;
    credentials_key_id: string;
  }>(sql`SELECT connector, definition -> 'params' AS params, credentials_sealed, credentials_key_id FROM sources
      WHERE (tenant_id, id) = (${tenantId}, ${source}) AND credentials_sealed IS NOT NULL`);
  if (row === undefined) return undefined;
  const { connector, params, credentials_sealed: sealed, credentials_key_id: keyId } = row;
  return { connector, params, sealed: { sealed, keyId } };
}

/** A page of a tenant's sources in the order of their ids. */
export async function listSources(
  transaction: Queryable,
  tenantId: string,
  page: { afterId: string; limit: number },
): Promise<StoredSource[]> {
  const rows = await transaction.query(
    sql`SELECT ${COLUMNS} FROM sources WHERE tenant_id = ${tenantId} AND id > ${page.afterId}
      ORDER BY id LIMIT ${page.limit}`,
  );
  return fromRows<StoredSource>(rows);
}

/** False when there is none. Raise the sources counter in the same transaction. */
export async function deleteSource(
  transaction: Queryable,
  { tenantId, source }: SourceName,
): Promise<boolean> {
  const rows = await transaction.query(
    sql`DELETE FROM sources WHERE (tenant_id, id) = (${tenantId}, ${source}) RETURNING 1`,
  );
  return rows.length > 0;
}

/** Lists the distinct params of a connector's sources, each with one source that has them; at most `limit`. */
export async function listSourceParams(
  transaction: Queryable,
  connector: string,
  limit: number,
): Promise<(SourceName & { params: Readonly<Record<string, string>> })[]> {
  const rows = await transaction.query<{
    tenant_id: string;
    id: string;
    params: Record<string, string>;
  }>(sql`SELECT DISTINCT ON (definition -> 'params') definition -> 'params' AS params, tenant_id, id FROM sources
      WHERE connector = ${connector} ORDER BY definition -> 'params', tenant_id, id LIMIT ${limit}`);
  return rows.map(({ tenant_id: tenantId, id: source, params }) => ({ tenantId, source, params }));
}

/** A source and its connector as a poll needs them. */
export interface PollableSource extends SourceName {
  connector: string;
  entity: string;
  definition: SourceDefinition;
  /** The connector's. */
  connectorSource: Record<string, unknown>;
  credentials: Sealed | undefined;
  version: string;
}

/** Loads an enabled source whose tenant exists and whose connector can be polled. */
export async function loadPollableSource(
  database: Queryable,
  { tenantId, source }: SourceName,
): Promise<PollableSource | undefined> {
  const [row] = await database.query<{
    connector: string;
    entity: string;
    definition: SourceDefinition;
    source: Record<string, unknown>;
    credentials_sealed: Buffer | null;
    credentials_key_id: string | null;
    version: string;
  }>(
    prepared(
      "load-pollable-source",
      sql`SELECT s.connector, s.entity, s.definition, n.source, s.credentials_sealed, s.credentials_key_id,
        s.version || '.' || n.source_version AS version
      FROM sources s JOIN connectors n ON n.id = s.connector JOIN tenants t ON t.id = s.tenant_id
      WHERE (s.tenant_id, s.id) = (${tenantId}, ${source}) AND s.enabled AND t.deleted_at IS NULL
        AND n.source IS NOT NULL`,
    ),
  );
  if (row === undefined) return undefined;
  const {
    connector,
    entity,
    definition,
    version,
    credentials_sealed: sealed,
    credentials_key_id: keyId,
  } = row;
  const credentials = sealed === null || keyId === null ? undefined : { sealed, keyId };
  return {
    tenantId,
    source,
    connector,
    entity,
    definition,
    version,
    connectorSource: row.source,
    credentials,
  };
}

/**
 * Stores credentials that the provider has renewed, unless a PUT has given others since `version` was read; returns
 * whether it did. A PUT that kept them does not count. The source's version stays.
 */
export async function renewCredentials(
  database: Queryable,
  { tenantId, source, version }: SourceName & { version: string },
  { sealed, keyId }: Sealed,
): Promise<boolean> {
  const rows = await database.query(
    prepared(
      "renew-source-credentials",
      sql`UPDATE sources SET credentials_sealed = ${sealed}, credentials_key_id = ${keyId}
      WHERE (tenant_id, id) = (${tenantId}, ${source}) AND credentials_version <= split_part(${version}, '.', 1)::bigint
      RETURNING 1`,
    ),
  );
  return rows.length > 0;
}
