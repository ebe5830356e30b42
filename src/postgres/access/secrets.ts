import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";

export interface SecretName {
  tenantId: string;
  name: string;
}

/** A tenant's secret as it is shown: never its value. */
export interface StoredSecret extends SecretName {
  createdAt: Date;
  updatedAt: Date;
}

interface SecretRow {
  tenant_id: string;
  name: string;
  created_at: Date;
  updated_at: Date;
}

const COLUMNS = "tenant_id, name, created_at, updated_at";

/** Where a tenant's secret lives, which is sealed with it. */
export function secretPlace({ tenantId, name }: SecretName): string {
  return `${tenantId}/secrets/${name}`;
}

/** Stores a secret, in place of the one that had the name. */
export async function putSecret(transaction: Queryable, secret: SecretName & Sealed): Promise<StoredSecret> {
  const [row] = await transaction.query<SecretRow>({
    text: `INSERT INTO tenant_secrets (tenant_id, name, sealed, key_id) VALUES ($1, $2, $3, $4)
      ON CONFLICT (tenant_id, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id,
        updated_at = now()
      RETURNING ${COLUMNS}`,
    values: [secret.tenantId, secret.name, secret.sealed, secret.keyId],
  });
  return asStoredSecret(row as SecretRow);
}

export async function findSecret(
  transaction: Queryable,
  { tenantId, name }: SecretName,
): Promise<StoredSecret | undefined> {
  const [row] = await transaction.query<SecretRow>({
    text: `SELECT ${COLUMNS} FROM tenant_secrets WHERE (tenant_id, name) = ($1, $2)`,
    values: [tenantId, name],
  });
  return row === undefined ? undefined : asStoredSecret(row);
}

/** A page of a tenant's secrets in the order of their names. */
export async function listSecrets(
  transaction: Queryable,
  tenantId: string,
  page: { afterName: string; limit: number },
): Promise<StoredSecret[]> {
  const rows = await transaction.query<SecretRow>({
    text: `SELECT ${COLUMNS} FROM tenant_secrets WHERE tenant_id = $1 AND name > $2 ORDER BY name LIMIT $3`,
    values: [tenantId, page.afterName, page.limit],
  });
  return rows.map(asStoredSecret);
}

/** False when there is none. */
export async function deleteSecret(transaction: Queryable, { tenantId, name }: SecretName): Promise<boolean> {
  const rows = await transaction.query({
    text: "DELETE FROM tenant_secrets WHERE (tenant_id, name) = ($1, $2) RETURNING 1",
    values: [tenantId, name],
  });
  return rows.length > 0;
}

/** The secrets named, those that exist, as they were sealed. */
export async function loadSecrets(
  database: Queryable,
  wanted: readonly SecretName[],
): Promise<(SecretName & Sealed)[]> {
  const rows = await database.query<{ tenant_id: string; name: string; sealed: Buffer; key_id: string }>({
    name: "load-secrets",
    text: `SELECT s.tenant_id, s.name, s.sealed, s.key_id
      FROM unnest($1::text[], $2::text[]) AS w (tenant_id, name) JOIN tenant_secrets s USING (tenant_id, name)`,
    values: [wanted.map((secret) => secret.tenantId), wanted.map((secret) => secret.name)],
  });
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    name: row.name,
    sealed: row.sealed,
    keyId: row.key_id,
  }));
}

function asStoredSecret(row: SecretRow): StoredSecret {
  return {
    tenantId: row.tenant_id,
    name: row.name,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  };
}
