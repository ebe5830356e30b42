import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { listDeadLetterGroups } from "../../postgres/dead-letters/groups.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Instant, line, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { DEAD_LETTER_FILTERS } from "./filters.ts";
import { asDeadLetterGroup, DeadLetterGroup } from "./group-schema.ts";

const tags = ["Dead letters"];

const Query = pageQuery(DEAD_LETTER_FILTERS);

const response = { 200: pageOf(reference(DeadLetterGroup)), ...ERROR_RESPONSES };

/** Routes that list dead letters by cause, of a tenant, or all of them to an administrator. */
export const deadLetterGroupRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
}> = async (server, { database, guards }) => {
  server.get(
    "/tenants/:tenant_id/dlq/groups",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The dead letters of a tenant by fingerprint, most recently seen first",
        params: TenantParams,
        querystring: Query,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) =>
      await database.withTenant(tenantId, (transaction) => list(transaction, tenantId, query)),
  );

  server.get(
    "/dlq/groups",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "The dead letters of every tenant by fingerprint, most recently seen first",
        querystring: Query,
        response,
      },
    },
    async ({ query }) => await database.transaction((transaction) => list(transaction, undefined, query)),
  );
};

async function list(transaction: Queryable, tenantId: string | undefined, query: Static<typeof Query>) {
  const { limit = DEFAULT_LIMIT } = query;
  const end = readCursor(query.cursor, Type.Tuple([Instant, line(64, 0)]));
  const rows = await listDeadLetterGroups(transaction, {
    tenantId,
    flowId: query.flow,
    connector: query.connector,
    stage: query.stage,
    status: query.status,
    fingerprint: query.fingerprint,
    since: asDate(query.since),
    until: asDate(query.until),
    before: end === undefined ? undefined : { lastSeen: new Date(end[0]), fingerprint: end[1] },
    limit: limit + 1,
  });
  return pageOfRows(
    rows,
    limit,
    (group) => [group.lastSeen.toISOString(), group.fingerprint],
    asDeadLetterGroup,
  );
}

function asDate(instant: string | undefined): Date | undefined {
  return instant === undefined ? undefined : new Date(instant);
}
