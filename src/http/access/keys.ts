import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { formatApiKey, hashApiKey } from "../../domain/api-key.ts";
import { HeadraceError } from "../../domain/errors.ts";
import { insertApiKey, listApiKeys, revokeApiKey } from "../../postgres/access/api-keys.ts";
import { findTenant } from "../../postgres/access/tenants.ts";
import type { Database } from "../../postgres/core/database.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference, Uuid } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { ApiKey, ApiKeyInput, asApiKey, NewApiKey } from "./api-key-schema.ts";
import type { Guards } from "./authenticate.ts";

/** Sorts before every id. */
const NO_ID = "00000000-0000-0000-0000-000000000000";

const tags = ["Keys"];

/** Routes that create, list and revoke API keys. */
export const keyRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.post(
    "/keys",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Create an API key; only this response includes it",
        body: ApiKeyInput,
        response: { 201: reference(NewApiKey), ...ERROR_RESPONSES },
      },
    },
    async ({ body, apiKey }, reply) => {
      const { name, scope, tenant_id: tenantId, expires_at: expiresAt } = body;
      if (scope === "admin" && tenantId !== undefined) {
        throw new HeadraceError("unprocessable", "An admin key cannot be bound to a tenant", {
          details: [{ field: "tenant_id", expected: "nothing where the scope is admin", got: "string" }],
        });
      }
      const key = formatApiKey(randomBytes(32));
      const stored = await database.transaction(async (transaction) => {
        if (tenantId !== undefined && (await findTenant(transaction, tenantId)) === undefined) {
          throw new HeadraceError("unprocessable", `There is no tenant ${tenantId}`);
        }
        return await insertApiKey(transaction, {
          name,
          scope,
          tenantId,
          keyHash: hashApiKey(key),
          expiresAt: expiresAt === undefined ? undefined : new Date(expiresAt),
          createdBy: apiKey ?? undefined,
        });
      });
      return reply.code(201).send({ ...asApiKey(stored), key });
    },
  );

  server.get(
    "/keys",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "The API keys that are not revoked, oldest first; never the keys themselves",
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(ApiKey)), ...ERROR_RESPONSES },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterId = NO_ID] = readCursor(cursor, Type.Tuple([Uuid])) ?? [];
      const rows = await database.transaction((transaction) =>
        listApiKeys(transaction, { afterId, limit: limit + 1 }),
      );
      return pageOfRows(rows, limit, (key) => [key.id], asApiKey);
    },
  );

  server.delete(
    "/keys/:id",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Revoke an API key",
        params: Type.Object({ id: Uuid }),
        response: { 204: Type.Null({ description: "Revoked" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const found = await database.transaction((transaction) => revokeApiKey(transaction, params.id));
      if (!found) throw new HeadraceError("not_found", `There is no API key ${params.id}`);
      return reply.code(204).send(null);
    },
  );
};
