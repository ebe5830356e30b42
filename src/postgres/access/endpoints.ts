import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";
import { type Sql, sql } from "../core/sql.ts";
import type { EndpointName } from "./receiving-endpoints.ts";

/** The settings of an endpoint. */
export interface EndpointSettings {
  /** The provider's account that sends its deliveries. */
  account: string | undefined;
  /** Override the connector's. */
  params: Record<string, string | number | boolean>;
  enabled: boolean;
}

export interface StoredEndpoint extends EndpointName, EndpointSettings {
  /** The connector's webhook settings. */
  webhook: Record<string, unknown> | undefined;
  /** In the order given; never their values. */
  secrets: { notAfter: Date | undefined; createdAt: Date; keyBytes: number | undefined }[];
  createdAt: Date;
  updatedAt: Date;
}

/** A secret to be stored; its id is part of the associated data that it is sealed with. */
export interface NewSecret extends Sealed {
  id: string;
  notAfter: Date | undefined;
  /** Length of the key of a shared secret, bytes. */
  keyBytes?: number | undefined;
}

interface EndpointRow {
  tenant_id: string;
  connector: string;
  endpoint: string;
  account: string | null;
  params: Record<string, string | number | boolean>;
  enabled: boolean;
  webhook: Record<string, unknown> | null;
  secrets: { not_after: string | null; created_at: string; key_bytes: number | null }[];
  created_at: Date;
  updated_at: Date;
}

const SELECT_ENDPOINTS = sql`SELECT e.tenant_id, e.connector, e.endpoint, e.account, e.params, e.enabled, n.webhook,
    e.created_at, e.updated_at,
    coalesce((SELECT json_agg(json_build_object('not_after', s.not_after, 'created_at', s.created_at,
      'key_bytes', s.key_bytes) ORDER BY s.position)
      FROM endpoint_secrets s
      WHERE (s.tenant_id, s.connector, s.endpoint) = (e.tenant_id, e.connector, e.endpoint)), '[]') AS secrets
  FROM endpoints e JOIN connectors n ON n.id = e.connector`;

/**
 * Stores an endpoint and replaces its secrets; without `secrets` those that it has stay. Raise the receive counter in the
 * same transaction.
 */
export async function putEndpoint(
  transaction: Queryable,
  name: EndpointName,
  settings: EndpointSettings,
  secrets: readonly NewSecret[] | undefined,
): Promise<void> {
  await transaction.query(sql`INSERT INTO endpoints ${sql.row({
    tenant_id: name.tenantId,
    connector: name.connector,
    endpoint: name.endpoint,
    account: settings.account,
    params: settings.params,
    enabled: settings.enabled,
  })}
      ON CONFLICT (tenant_id, connector, endpoint) DO UPDATE SET account = excluded.account,
        params = excluded.params, enabled = excluded.enabled, updated_at = now()`);
  if (secrets === undefined) return;
  await transaction.query(
    sql`DELETE FROM endpoint_secrets WHERE (tenant_id, connector, endpoint) = ${keyOf(name)}`,
  );
  for (const [position, secret] of secrets.entries()) await insertSecret(transaction, name, secret, position);
}

/** An endpoint of a tenant, if there is one. */
export async function findEndpoint(
  transaction: Queryable,
  name: EndpointName,
): Promise<StoredEndpoint | undefined> {
  const [row] = await transaction.query<EndpointRow>(
    sql`${SELECT_ENDPOINTS} WHERE (e.tenant_id, e.connector, e.endpoint) = ${keyOf(name)}`,
  );
  return row === undefined ? undefined : asStoredEndpoint(row);
}

/** A page of a tenant's endpoints in the order of connector and endpoint. */
export async function listEndpoints(
  transaction: Queryable,
  tenantId: string,
  page: { after: { connector: string; endpoint: string }; limit: number },
): Promise<StoredEndpoint[]> {
  const rows = await transaction.query<EndpointRow>(sql`${SELECT_ENDPOINTS} WHERE e.tenant_id = ${tenantId}
      AND (e.connector, e.endpoint) > (${page.after.connector}, ${page.after.endpoint})
      ORDER BY e.connector, e.endpoint LIMIT ${page.limit}`);
  return rows.map(asStoredEndpoint);
}

/** False when there is none. Raise the receive counter in the same transaction. */
export async function deleteEndpoint(transaction: Queryable, name: EndpointName): Promise<boolean> {
  const rows = await transaction.query(
    sql`DELETE FROM endpoints WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} RETURNING 1`,
  );
  return rows.length > 0;
}

/** Lists the valid secrets of an endpoint, sealed. */
export async function listEndpointSecrets(
  transaction: Queryable,
  name: EndpointName,
): Promise<(Sealed & { id: string })[]> {
  const rows = await transaction.query<{ id: string; sealed: Buffer; key_id: string }>(
    sql`SELECT id, sealed, key_id FROM endpoint_secrets
      WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} AND (not_after IS NULL OR not_after > now())`,
  );
  return rows.map(({ id, sealed, key_id: keyId }) => ({ id, sealed, keyId }));
}

/** A secret of an endpoint that names an account, with the params that select its scheme. */
export interface AccountSecret extends Sealed {
  id: string;
  name: EndpointName;
  params: Record<string, string | number | boolean>;
}

/** Lists the valid secrets of every tenant's endpoints that name the account, except those of `except`. */
export async function listAccountSecrets(
  database: Queryable,
  account: string,
  except: EndpointName,
): Promise<AccountSecret[]> {
  const rows = await database.query<{
    tenant_id: string;
    endpoint: string;
    params: Record<string, string | number | boolean>;
    id: string;
    sealed: Buffer;
    key_id: string;
  }>(sql`SELECT e.tenant_id, e.endpoint, e.params, s.id, s.sealed, s.key_id
      FROM endpoints e JOIN endpoint_secrets s USING (tenant_id, connector, endpoint)
      WHERE e.connector = ${except.connector} AND e.account = ${account}
        AND (e.tenant_id, e.endpoint) <> (${except.tenantId}, ${except.endpoint})
        AND (s.not_after IS NULL OR s.not_after > now())`);
  return rows.map(({ tenant_id: tenantId, endpoint, params, id, sealed, key_id: keyId }) => ({
    name: { tenantId, connector: except.connector, endpoint },
    params,
    id,
    sealed,
    keyId,
  }));
}

/** Counts the other endpoints of the tenant that name the account. */
export async function countAccountEndpoints(
  transaction: Queryable,
  account: string,
  except: EndpointName,
): Promise<number> {
  const [row] = await transaction.query<{ count: number }>(sql`SELECT count(*)::int AS count FROM endpoints
      WHERE tenant_id = ${except.tenantId} AND connector = ${except.connector} AND endpoint <> ${except.endpoint}
        AND account = ${account}`);
  return row?.count ?? 0;
}

/**
 * Adds a secret before the others, which stay valid for at most `overlapSeconds`; deletes expired ones. Returns how
 * many there are now. Raise the receive counter in the same transaction.
 */
export async function rotateSecret(
  transaction: Queryable,
  name: EndpointName,
  secret: NewSecret,
  overlapSeconds: number,
): Promise<number> {
  await transaction.query(sql`DELETE FROM endpoint_secrets
      WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} AND not_after <= now()`);
  const kept = await transaction.query<{ position: number }>(sql`UPDATE endpoint_secrets
      SET not_after = least(coalesce(not_after, 'infinity'), now() + ${overlapSeconds}::int * interval '1 second')
      WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} RETURNING position`);
  const first = Math.min(0, ...kept.map((row) => row.position));
  await insertSecret(transaction, name, secret, first - 1);
  await transaction.query(
    sql`UPDATE endpoints SET updated_at = now() WHERE (tenant_id, connector, endpoint) = ${keyOf(name)}`,
  );
  return kept.length + 1;
}

/**
 * Stores the secret of a handshake if the endpoint is enabled and has none; returns whether it did. Raise the receive
 * counter earlier in the same transaction.
 */
export async function captureSecret(
  transaction: Queryable,
  name: EndpointName,
  secret: NewSecret,
  shownSeconds: number,
): Promise<boolean> {
  const rows =
    await transaction.query(sql`INSERT INTO endpoint_secrets (tenant_id, connector, endpoint, id, position, sealed,
      key_id, shown_until)
      SELECT tenant_id, connector, endpoint, ${secret.id}, 0, ${secret.sealed}, ${secret.keyId},
        now() + nullif(${shownSeconds}, 0) * interval '1 second'
      FROM endpoints e WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} AND enabled AND NOT EXISTS (
        SELECT FROM endpoint_secrets s
        WHERE (s.tenant_id, s.connector, s.endpoint) = (e.tenant_id, e.connector, e.endpoint))
      ON CONFLICT (tenant_id, connector, endpoint, position) DO NOTHING RETURNING 1`);
  return rows.length > 0;
}

/** Finds the secret of a handshake as long as it may be shown. */
export async function findShownSecret(
  transaction: Queryable,
  name: EndpointName,
): Promise<(Sealed & { id: string; capturedAt: Date; shownUntil: Date }) | undefined> {
  const [row] = await transaction.query<{
    id: string;
    sealed: Buffer;
    key_id: string;
    created_at: Date;
    shown_until: Date;
  }>(sql`SELECT id, sealed, key_id, created_at, shown_until FROM endpoint_secrets
      WHERE (tenant_id, connector, endpoint) = ${keyOf(name)} AND shown_until > now()`);
  if (row === undefined) return undefined;
  const { id, sealed, key_id: keyId, created_at: capturedAt, shown_until: shownUntil } = row;
  return { id, sealed, keyId, capturedAt, shownUntil };
}

async function insertSecret(
  transaction: Queryable,
  name: EndpointName,
  secret: NewSecret,
  position: number,
): Promise<void> {
  await transaction.query(
    sql`INSERT INTO endpoint_secrets ${sql.row({
      tenant_id: name.tenantId,
      connector: name.connector,
      endpoint: name.endpoint,
      id: secret.id,
      position,
      sealed: secret.sealed,
      key_id: secret.keyId,
      not_after: secret.notAfter,
      key_bytes: secret.keyBytes,
    })}`,
  );
}

/** The value that `(tenant_id, connector, endpoint)` is compared with. */
function keyOf({ tenantId, connector, endpoint }: EndpointName): Sql {
  return sql`(${tenantId}, ${connector}, ${endpoint})`;
}

function asStoredEndpoint(row: EndpointRow): StoredEndpoint {
  return {
    tenantId: row.tenant_id,
    connector: row.connector,
    endpoint: row.endpoint,
    account: row.account ?? undefined,
    params: row.params,
    enabled: row.enabled,
    webhook: row.webhook ?? undefined,
    secrets: row.secrets.map((secret) => ({
      notAfter: secret.not_after === null ? undefined : new Date(secret.not_after),
      createdAt: new Date(secret.created_at),
      keyBytes: secret.key_bytes ?? undefined,
    })),
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
