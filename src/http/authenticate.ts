import type { FastifyRequest } from "fastify";
import { hashApiKey, refusal, type Scope } from "../domain/api-key.ts";
import { HeadraceError } from "../domain/errors.ts";
import { findAccess } from "../postgres/api-keys.ts";
import type { Database } from "../postgres/database.ts";

/** An `onRequest` hook of one route: it passes, or throws `unauthorized`, `forbidden` or `not_found`. */
export type Guard = (request: FastifyRequest) => Promise<void>;

/** What each route demands of the key in `Authorization: Bearer <key>`, before its body is read. */
export interface Guards {
  /** A key with the scope over the tenant in the path, which must exist. */
  tenant(scope: Scope): Guard;
  /** A key with the scope that is bound to no tenant. */
  installation(scope: Scope): Guard;
  /** The same of a key that came in some other way. */
  key(key: string, scope: Scope): Promise<void>;
}

export function createGuards(database: Database): Guards {
  return {
    tenant: (scope) => async (request) => admit(database, bearerKey(request), scope, tenantIdOf(request)),
    installation: (scope) => async (request) => admit(database, bearerKey(request), scope, undefined),
    key: (key, scope) => admit(database, key, scope, undefined),
  };
}

async function admit(
  database: Database,
  key: string,
  scope: Scope,
  tenantId: string | undefined,
): Promise<void> {
  const keyHash = hashApiKey(key);
  const access = await database.transaction((transaction) => findAccess(transaction, { keyHash, tenantId }));
  if (access === undefined) {
    throw new HeadraceError("unauthorized", "The API key is unknown, has expired or was revoked");
  }
  const reason = refusal(access, { scope, tenantId });
  if (reason !== undefined) throw new HeadraceError("forbidden", reason);
  if (tenantId !== undefined && !access.tenantExists) {
    throw new HeadraceError("not_found", `There is no tenant ${tenantId}`);
  }
}

function bearerKey({ headers }: FastifyRequest): string {
  const key = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(headers.authorization ?? "")?.[1];
  if (key !== undefined) return key;
  throw new HeadraceError("unauthorized", "An API key is needed, as Authorization: Bearer <key>");
}

function tenantIdOf(request: FastifyRequest): string {
  return (request.params as { tenant_id: string }).tenant_id;
}
