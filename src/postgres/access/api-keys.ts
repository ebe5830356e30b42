import { type Access, hashApiKey, type Scope } from "../../domain/api-key.ts";
import type { Database, Queryable } from "../core/database.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";

/** A key as the API shows it: never the key itself. */
export interface StoredApiKey {
  id: string;
  name: string;
  tenantId: string | undefined;
  scope: Scope;
  expiresAt: Date | undefined;
  createdAt: Date;
  /** To about a minute. */
  lastUsedAt: Date | undefined;
  createdBy: KeyMaker | undefined;
}

/** The key that created another: its id, or `setting`, and its name at the time. */
export interface KeyMaker {
  id: string;
  name: string | undefined;
}

interface ApiKeyRow {
  id: string;
  name: string;
  tenant_id: string | null;
  scope: Scope;
  expires_at: Date | null;
  created_at: Date;
  last_used_at: Date | null;
  created_by: string | null;
  created_by_name: string | null;
}

const COLUMNS = sql`id, name, tenant_id, scope, expires_at, created_at, last_used_at, created_by, created_by_name`;

/**
 * Makes the key of the setting an admin key; deletes an earlier key of the setting and returns whether there was one.
 * Keys created over the API stay, and a revoked key stays revoked.
 */
export async function ensureAdminKey(database: Database, key: string): Promise<boolean> {
  return await database.transaction(async (transaction) => {
    // If processes start at once with different keys, the last one wins.
    await transaction.query(sql`SELECT pg_advisory_xact_lock(hashtextextended('headrace admin key', 0))`);
    const replaced =
      await transaction.query(sql`DELETE FROM api_keys WHERE created_by = 'setting' AND revoked_at IS NULL
        AND key_hash <> ${hashApiKey(key)}
        RETURNING 1`);
    await transaction.query(sql`INSERT INTO api_keys (name, scope, key_hash, created_by)
        VALUES ('HEADRACE_ADMIN_KEY', 'admin', ${hashApiKey(key)}, 'setting') ON CONFLICT (key_hash) DO NOTHING`);
    return replaced.length > 0;
  });
}

/** Stores that keys were used now, except where the stored use is younger than `everyMs`. */
export async function noteKeyUse(
  database: Queryable,
  keyIds: readonly string[],
  everyMs: number,
): Promise<void> {
  await database.query(sql`UPDATE api_keys SET last_used_at = now()
      WHERE id = ANY (${keyIds}::uuid[])
        AND (last_used_at IS NULL OR last_used_at < now() - ${everyMs}::float8 * interval '1 millisecond')`);
}

/** The hash of a key, and the tenant of the request. */
export interface AccessQuery {
  keyHash: Buffer;
  tenantId: string | undefined;
}

/** A key's access, and whether the tenant of the request exists. */
export interface FoundAccess extends Access {
  keyName: string;
  tenantExists: boolean;
}

/**
 * Looks up the access of each key, in the order given; undefined for a key that is unknown, expired or revoked. Keys
 * are read for each request, so that a revoked key is refused everywhere once the revocation has returned.
 */
export async function findAccess(
  database: Queryable,
  asked: readonly AccessQuery[],
): Promise<(FoundAccess | undefined)[]> {
  const rows = await database.query<{
    position: string;
    id: string;
    name: string;
    scope: Scope;
    tenant_id: string | null;
    tenant_exists: boolean;
  }>(
    prepared(
      "find-access",
      sql`SELECT a.position, k.id, k.name, k.scope, k.tenant_id,
        EXISTS (SELECT FROM tenants t WHERE t.id = a.tenant_id AND t.deleted_at IS NULL) AS tenant_exists
      FROM ${accessRows(asked).from("a", "position")}
        JOIN api_keys k ON k.key_hash = a.key_hash
      WHERE k.revoked_at IS NULL AND (k.expires_at IS NULL OR k.expires_at > now())`,
    ),
  );
  const found: (FoundAccess | undefined)[] = asked.map(() => undefined);
  for (const row of rows) {
    found[Number(row.position) - 1] = {
      keyId: row.id,
      keyName: row.name,
      scope: row.scope,
      tenantId: row.tenant_id ?? undefined,
      tenantExists: row.tenant_exists,
    };
  }
  return found;
}

const accessRows = rowInput<AccessQuery>([
  ["key_hash", "bytea", (one) => one.keyHash],
  ["tenant_id", "text", (one) => one.tenantId],
]);

/** Stores a key by its hash. */
export async function insertApiKey(
  transaction: Queryable,
  key: {
    name: string;
    tenantId: string | undefined;
    scope: Scope;
    keyHash: Buffer;
    expiresAt: Date | undefined;
    createdBy: KeyMaker | undefined;
  },
): Promise<StoredApiKey> {
  const [row] = await transaction.query<ApiKeyRow>(
    sql`INSERT INTO api_keys ${sql.row({
      name: key.name,
      tenant_id: key.tenantId,
      scope: key.scope,
      key_hash: key.keyHash,
      expires_at: key.expiresAt,
      created_by: key.createdBy?.id,
      created_by_name: key.createdBy?.name,
    })} RETURNING ${COLUMNS}`,
  );
  return asStoredApiKey(row as ApiKeyRow);
}

/** Lists a page of the keys that were not revoked, including expired ones, in the order of their creation. */
export async function listApiKeys(
  transaction: Queryable,
  page: { afterId: string; limit: number },
): Promise<StoredApiKey[]> {
  const rows = await transaction.query<ApiKeyRow>(
    sql`SELECT ${COLUMNS} FROM api_keys WHERE revoked_at IS NULL AND id > ${page.afterId}
      ORDER BY id LIMIT ${page.limit}`,
  );
  return rows.map(asStoredApiKey);
}

/** Revokes a key; false when there is no such key or it is revoked already. */
export async function revokeApiKey(transaction: Queryable, id: string): Promise<boolean> {
  const rows = await transaction.query(
    sql`UPDATE api_keys SET revoked_at = now() WHERE id = ${id} AND revoked_at IS NULL RETURNING 1`,
  );
  return rows.length > 0;
}

function asStoredApiKey(row: ApiKeyRow): StoredApiKey {
  return {
    id: row.id,
    name: row.name,
    tenantId: row.tenant_id ?? undefined,
    scope: row.scope,
    expiresAt: row.expires_at ?? undefined,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at ?? undefined,
    createdBy:
      row.created_by === null ? undefined : { id: row.created_by, name: row.created_by_name ?? undefined },
  };
}
