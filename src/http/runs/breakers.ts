import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import type { Database } from "../../postgres/core/database.ts";
import { listBreakers } from "../../postgres/runs/circuit-breakers.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { line, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { asBreaker, Breaker } from "./breaker-schema.ts";

/** The number up to which held runs are counted. */
const MAX_HELD_RUNS = 1_000;

/** Routes that list the circuit breakers of a tenant's targets. */
export const breakerRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/breakers",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags: ["Breakers"],
        summary: "The circuit breakers of a tenant's targets that are open or failed recently, by target",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Breaker)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterTarget = ""] = readCursor(cursor, Type.Tuple([line(2_048)])) ?? [];
      const rows = await database.withTenant(tenantId, (transaction) =>
        listBreakers(transaction, { tenantId, afterTarget, limit: limit + 1, maxHeldRuns: MAX_HELD_RUNS }),
      );
      return pageOfRows(rows, limit, (breaker) => [breaker.target], asBreaker);
    },
  );
};
