import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database } from "../../postgres/core/database.ts";
import { findRun, listRuns, RUN_STATES } from "../../postgres/runs/list.ts";
import { findRunLogs } from "../../postgres/runs/logs.ts";
import type { Guards } from "../access/authenticate.ts";
import { asFoundPage, asPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Instant, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, foundPageOf, pageOf, pageQuery } from "../page-schema.ts";
import { asRun, asRunLogLines, Run, RunLogLine, RunParams } from "./run-schema.ts";

const tags = ["Runs"];

/** Routes that show the runs of a tenant and their logs. */
export const runRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/runs",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The runs of a tenant, newest first",
        params: TenantParams,
        querystring: pageQuery({
          flow: Type.Optional(Id),
          event: Type.Optional(Uuid),
          status: Type.Optional(Type.Enum([...RUN_STATES])),
          since: Type.Optional(Instant),
        }),
        response: { 200: foundPageOf(reference(Run)), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query }) => {
      const { flow, event, status, since, limit = DEFAULT_LIMIT, cursor } = query;
      const [beforeId] = readCursor(cursor, Type.Tuple([Uuid])) ?? [];
      const found = await database.withTenant(params.tenant_id, (transaction) =>
        listRuns(transaction, {
          tenantId: params.tenant_id,
          flowId: flow,
          eventId: event?.toLowerCase(),
          state: status,
          sinceId: idAt(since),
          beforeId,
          limit,
        }),
      );
      return asFoundPage(found, asRun);
    },
  );

  server.get(
    "/tenants/:tenant_id/runs/:id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "A run with its attempts",
        params: RunParams,
        response: { 200: reference(Run), ...ERROR_RESPONSES },
      },
    },
    async ({ params }) => {
      const run = await database.withTenant(params.tenant_id, (transaction) =>
        findRun(transaction, params.tenant_id, params.id),
      );
      if (run === undefined) throw noRun(params.id);
      return asRun(run);
    },
  );

  server.get(
    "/tenants/:tenant_id/runs/:id/log",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The log of a code flow's run, oldest line first, of its newest attempts",
        params: RunParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(RunLogLine), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id }, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [after = "0"] = readCursor(cursor, Type.Tuple([Type.String({ pattern: "^\\d{1,6}$" })])) ?? [];
      const lines = await database.withTenant(tenantId, async (transaction) => {
        const parts = await findRunLogs(transaction, tenantId, id);
        if (parts.length === 0 && (await findRun(transaction, tenantId, id)) === undefined) throw noRun(id);
        return parts.flatMap(asRunLogLines);
      });
      const end = Number(after) + limit;
      return asPage(
        lines.slice(Number(after), end),
        lines.length > end,
        () => [String(end)],
        (line) => line,
      );
    },
  );
};

/** Creates the error for a missing run. */
export function noRun(id: string): HeadraceError {
  return new HeadraceError("not_found", `There is no run ${id}`);
}
