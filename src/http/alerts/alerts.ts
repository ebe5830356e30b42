import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { listAlerts } from "../../postgres/alerts/alerts.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Instant, line, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { Alert, asAlert } from "./alert-schema.ts";

const tags = ["Alerts"];

const Query = pageQuery({
  status: Type.Optional(Type.Enum(["open", "resolved"])),
  kind: Type.Optional(line(64)),
  subject: Type.Optional(line(256)),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
});

const response = { 200: pageOf(reference(Alert)), ...ERROR_RESPONSES };

/** Routes that list alerts. */
export const alertRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/alerts",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The alerts of a tenant, open and resolved, newest first",
        params: TenantParams,
        querystring: Query,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) =>
      await database.withTenant(tenantId, (transaction) => list(transaction, tenantId, query)),
  );

  server.get(
    "/alerts",
    {
      onRequest: guards.installation("read"),
      schema: {
        tags,
        summary: "The alerts of every tenant and of the installation, open and resolved, newest first",
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
  const rows = await listAlerts(transaction, {
    tenantId,
    status: query.status,
    kind: query.kind,
    subject: query.subject,
    sinceId: idAt(query.since),
    untilId: idAt(query.until),
    beforeId,
    limit: limit + 1,
  });
  return pageOfRows(rows, limit, (alert) => [alert.id], asAlert);
}
