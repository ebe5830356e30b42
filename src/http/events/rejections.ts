import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { listRejections } from "../../postgres/events/rejections.ts";
import type { Guards } from "../access/authenticate.ts";
import { asFoundPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Instant, line, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, foundPageOf, pageQuery } from "../page-schema.ts";
import { asRejection, Rejection } from "./rejection-schema.ts";

const tags = ["Rejections"];

const Query = pageQuery({
  connector: Type.Optional(Id),
  reason: Type.Optional(line(64)),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
});

const response = { 200: foundPageOf(reference(Rejection)), ...ERROR_RESPONSES };

/** Routes that list rejected deliveries with their reasons, which the senders do not learn. */
export const rejectionRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/rejections",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The rejected deliveries of a tenant, newest first",
        params: TenantParams,
        querystring: Query,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) =>
      await database.withTenant(tenantId, (transaction) => list(transaction, tenantId, query)),
  );

  server.get(
    "/rejections",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "The rejected deliveries of all tenants and of unknown tenants, newest first",
        querystring: Query,
        response,
      },
    },
    async ({ query }) => await database.transaction((transaction) => list(transaction, undefined, query)),
  );
};

async function list(transaction: Queryable, tenantId: string | undefined, query: Static<typeof Query>) {
  const { limit = DEFAULT_LIMIT } = query;
  const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
  const found = await listRejections(transaction, {
    tenantId,
    connector: query.connector,
    reason: query.reason,
    sinceId: idAt(query.since),
    untilId: idAt(query.until),
    beforeId,
    limit,
  });
  return asFoundPage(found, asRejection);
}
