import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";

export interface SecretName {
  tenantId: string;
  name: string;
}

/** A tenant's secret as it is shown: never its value. */
export interface StoredSecret extends SecretName {
  createdAt: Date;
  updatedAt: Date;
}

const COLUMNS = sql`tenant_id, name, created_at, updated_at`;

/** The associated data with which a tenant's secret is sealed. */
export function secretAad({ tenantId, name }: SecretName): string {
  return `${tenantId}/secrets/${name}`;
}

/** Stores a secret; replaces one of the same name. */
export async function putSecret(transaction: Queryable, secret: SecretName & Sealed): Promise<StoredSecret> {
  const [row] = await transaction.query(sql`INSERT INTO tenant_secrets ${sql.row({
    tenant_id: secret.tenantId,
    name: secret.name,
    sealed: secret.sealed,
    key_id: secret.keyId,
  })}
      ON CONFLICT (tenant_id, name) DO UPDATE SET sealed = excluded.sealed, key_id = excluded.key_id,
        updated_at = now()
      RETURNING ${COLUMNS}`);
  return fromRow<StoredSecret>(row as object);
}

export async function findSecret(
  transaction: Queryable,
  { tenantId, name }: SecretName,
): Promise<StoredSecret | undefined> {
  const [row] = await transaction.query(
    sql`SELECT ${COLUMNS} FROM tenant_secrets WHERE (tenant_id, name) = (${tenantId}, ${name})`,
  );
  return fromRow<StoredSecret>(row);
}

/** A page of a tenant's secrets in the order of their names. */
export async function listSecrets(
  transaction: Queryable,
  tenantId: string,
  page: { afterName: string; limit: number },
): Promise<StoredSecret[]> {
  const rows = await transaction.query(
    sql`SELECT ${COLUMNS} FROM tenant_secrets WHERE tenant_id = ${tenantId} AND name > ${page.afterName}
      ORDER BY name LIMIT ${page.limit}`,
  );
  return fromRows<StoredSecret>(rows);
}

/** False when there is none. */
export async function deleteSecret(transaction: Queryable, { tenantId, name }: SecretName): Promise<boolean> {
  const rows = await transaction.query(
    sql`DELETE FROM tenant_secrets WHERE (tenant_id, name) = (${tenantId}, ${name}) RETURNING 1`,
  );
  return rows.length > 0;
}

/** Loads the sealed secrets that exist among the wanted ones. */
export async function loadSecrets(
  database: Queryable,
  wanted: readonly SecretName[],
): Promise<(SecretName & Sealed)[]> {
  const rows = await database.query<{ tenant_id: string; name: string; sealed: Buffer; key_id: string }>(
    prepared(
      "load-secrets",
      sql`SELECT s.tenant_id, s.name, s.sealed, s.key_id
      FROM ${secretRows(wanted).from("w")} JOIN tenant_secrets s USING (tenant_id, name)`,
    ),
  );
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    name: row.name,
    sealed: row.sealed,
    keyId: row.key_id,
  }));
}

const secretRows = rowInput<SecretName>([
  ["tenant_id", "text", (secret) => secret.tenantId],
  ["name", "text", (secret) => secret.name],
]);
