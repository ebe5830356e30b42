import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { listAudit } from "../../postgres/access/audit.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Instant, line, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { AuditEntry, asAuditEntry } from "./audit-entry-schema.ts";
import type { Guards } from "./authenticate.ts";

const tags = ["Audit"];

const filters = {
  key: Type.Optional(line(200)),
  object: Type.Optional(line(600)),
  since: Type.Optional(Instant),
  until: Type.Optional(Instant),
};
const TenantQuery = pageQuery(filters);
const Query = pageQuery({ ...filters, tenant: Type.Optional(Id) });

const response = { 200: pageOf(reference(AuditEntry)), ...ERROR_RESPONSES };

/** Routes that list the calls and commands that changed something. */
export const auditRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/audit",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The calls that changed something of a tenant, newest first",
        description:
          "`key` is the id or name of a key. `object` also matches objects below it: flows matches flows/orders.",
        params: TenantParams,
        querystring: TenantQuery,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) =>
      await database.withTenant(tenantId, (transaction) => list(transaction, tenantId, query)),
  );

  server.get(
    "/audit",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "The calls and commands that changed something, of all tenants and of none, newest first",
        description: "Entries are kept for 400 days, also those of deleted tenants.",
        querystring: Query,
        response,
      },
    },
    async ({ query }) => await database.transaction((transaction) => list(transaction, query.tenant, query)),
  );
};

async function list(transaction: Queryable, tenantId: string | undefined, query: Static<typeof TenantQuery>) {
  const { limit = DEFAULT_LIMIT } = query;
  const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
  const rows = await listAudit(transaction, {
    tenantId,
    key: query.key,
    object: query.object,
    sinceId: idAt(query.since),
    untilId: idAt(query.until),
    beforeId,
    limit: limit + 1,
  });
  return pageOfRows(rows, limit, (entry) => [entry.id], asAuditEntry);
}
