import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import {
  countForReplay,
  findBulk,
  insertBulk,
  listBulks,
  stopBulk,
} from "../../postgres/dead-letters/bulk-replay.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, nullable, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { asBulkReplay, BulkReplay, BulkReplayInput, DEFAULT_RATE } from "./bulk-replay-schema.ts";

const tags = ["Dead letters"];

const Params = Type.Object({ tenant_id: Id, replay_id: Uuid });

/** Routes that start, show and stop bulk replays. A background loop replays the dead letters. */
export const bulkReplayRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.post(
    "/tenants/:tenant_id/dlq/replay",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary:
          "Replay all pending dead letters that a filter selects, a few first, then at a rate, below live traffic",
        description:
          "A dry run returns 200 with the count. Dead letters whose event ended the process that routed it are skipped: replay each of them by its id.",
        params: TenantParams,
        body: BulkReplayInput,
        response: {
          200: Type.Object({ replay_id: nullable(Uuid), count: Type.Integer() }),
          202: Type.Object({ replay_id: Uuid, count: Type.Integer() }),
          ...ERROR_RESPONSES,
        },
      },
    },
    async ({ params: { tenant_id: tenantId }, body }, reply) => {
      const { filter, rate_per_second: ratePerSecond = DEFAULT_RATE, dry_run: isDry = false } = body;
      const begun = await database.withTenant(tenantId, async (transaction) => {
        const count = await countForReplay(transaction, tenantId, filter);
        if (isDry) return { count };
        const id = await insertBulk(transaction, { tenantId, filter, ratePerSecond, count });
        return { count, id };
      });
      if (begun.id === undefined) return reply.code(200).send({ replay_id: null, count: begun.count });
      return reply.code(202).send({ replay_id: begun.id, count: begun.count });
    },
  );

  server.get(
    "/tenants/:tenant_id/dlq/replays",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The bulk replays of a tenant, newest first",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(BulkReplay)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) => {
      const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
      const limit = query.limit ?? DEFAULT_LIMIT;
      const rows = await database.withTenant(tenantId, (transaction) =>
        listBulks(transaction, { tenantId, beforeId, limit: limit + 1 }),
      );
      return pageOfRows(rows, limit, (bulk) => [bulk.id], asBulkReplay);
    },
  );

  server.get(
    "/tenants/:tenant_id/dlq/replays/:replay_id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The progress of a bulk replay",
        params: Params,
        response: { 200: reference(BulkReplay), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, replay_id: id } }) =>
      await database.withTenant(tenantId, (transaction) => show(transaction, tenantId, id)),
  );

  server.post(
    "/tenants/:tenant_id/dlq/replays/:replay_id/stop",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Stop a bulk replay: no further replays start; a finished one stays unchanged",
        params: Params,
        response: { 200: reference(BulkReplay), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, replay_id: id } }) =>
      await database.withTenant(tenantId, async (transaction) => {
        await stopBulk(transaction, tenantId, id);
        return await show(transaction, tenantId, id);
      }),
  );
};

async function show(transaction: Queryable, tenantId: string, id: string) {
  const bulk = await findBulk(transaction, tenantId, id);
  if (bulk === undefined) throw new HeadraceError("not_found", `There is no bulk replay ${id}`);
  return asBulkReplay(bulk);
}
