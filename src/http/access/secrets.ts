import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import {
  deleteSecret,
  findSecret,
  listSecrets,
  putSecret,
  type SecretName,
  secretAad,
} from "../../postgres/access/secrets.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import type { Guards } from "./authenticate.ts";
import { asSecret, Secret, SecretInput, SecretParams } from "./secret-schema.ts";

const tags = ["Secrets"];

/**
 * Routes for the secrets of a tenant, which its flows send as {{secret.name}} in headers. Values are never returned.
 */
export const secretRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  keyRing: KeyRing;
}> = async (server, { database, guards, keyRing }) => {
  const response = { 200: reference(Secret), ...ERROR_RESPONSES };
  const nameOf = (params: { tenant_id: string; name: string }): SecretName => ({
    tenantId: params.tenant_id,
    name: params.name,
  });

  server.put(
    "/tenants/:tenant_id/secrets/:name",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Create or replace a secret; every attempt that begins after the response uses it",
        params: SecretParams,
        body: SecretInput,
        response,
      },
    },
    async ({ params, body }) => {
      const name = nameOf(params);
      const sealed = keyRing.seal(body.value, secretAad(name));
      return asSecret(
        await database.withTenant(name.tenantId, (transaction) =>
          putSecret(transaction, { ...name, ...sealed }),
        ),
      );
    },
  );

  server.get(
    "/tenants/:tenant_id/secrets/:name",
    {
      onRequest: guards.tenant("read"),
      schema: { tags, summary: "Whether a secret exists, and since when", params: SecretParams, response },
    },
    async ({ params }) => {
      const secret = await database.withTenant(params.tenant_id, (transaction) =>
        findSecret(transaction, nameOf(params)),
      );
      if (secret === undefined) throw noSecret(params.name);
      return asSecret(secret);
    },
  );

  server.get(
    "/tenants/:tenant_id/secrets",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The secrets of a tenant, by name",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Secret)), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterName = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
      const rows = await database.withTenant(params.tenant_id, (transaction) =>
        listSecrets(transaction, params.tenant_id, { afterName, limit: limit + 1 }),
      );
      return pageOfRows(rows, limit, (secret) => [secret.name], asSecret);
    },
  );

  server.delete(
    "/tenants/:tenant_id/secrets/:name",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Delete a secret; runs that need it become dead letters",
        params: SecretParams,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const deleted = await database.withTenant(params.tenant_id, (transaction) =>
        deleteSecret(transaction, nameOf(params)),
      );
      if (!deleted) throw noSecret(params.name);
      return reply.code(204).send(null);
    },
  );
};

function noSecret(name: string): HeadraceError {
  return new HeadraceError("not_found", `There is no secret ${name}`);
}
