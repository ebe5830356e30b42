import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import {
  cancelRuns,
  deleteTenant,
  dropUnroutedEvents,
  findTenant,
  listTenants,
  putTenant,
} from "../../postgres/access/tenants.ts";
import { raiseCounter } from "../../postgres/core/change-counters.ts";
import type { Database } from "../../postgres/core/database.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import type { Guards } from "./authenticate.ts";
import { asTenant, asTenantSettings, Tenant, TenantInput } from "./tenant-schema.ts";

/** Events removed from the outbox, or runs cancelled, per transaction. */
const STOP_BATCH = 5_000;

const tags = ["Tenants"];

/** Routes for tenants. Administrators create and delete them, a tenant's key reads its own. */
export const tenantRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.put(
    "/tenants/:tenant_id",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Create or replace a tenant",
        params: TenantParams,
        body: TenantInput,
        response: { 200: reference(Tenant), ...ERROR_RESPONSES },
      },
    },
    async ({ params, body }) => {
      const tenant = await database.transaction(async (transaction) => {
        // Receivers cache the limits of the tenant.
        await raiseCounter(transaction, "receive");
        const stored = await putTenant(transaction, params.tenant_id, asTenantSettings(body));
        if (stored !== undefined) return stored;
        throw new HeadraceError(
          "conflict",
          `Tenant ${params.tenant_id} was deleted and its data is still being removed: choose another id`,
        );
      });
      return asTenant(tenant);
    },
  );

  server.get(
    "/tenants/:tenant_id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "A tenant",
        params: TenantParams,
        response: { 200: reference(Tenant), ...ERROR_RESPONSES },
      },
    },
    async ({ params }) => {
      const tenant = await database.withTenant(params.tenant_id, (transaction) =>
        findTenant(transaction, params.tenant_id),
      );
      if (tenant === undefined) throw noTenant(params.tenant_id);
      return asTenant(tenant);
    },
  );

  server.get(
    "/tenants",
    {
      onRequest: guards.installation("read"),
      schema: {
        tags,
        summary: "The tenants, by id",
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Tenant)), ...ERROR_RESPONSES },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
      const rows = await database.transaction((transaction) =>
        listTenants(transaction, { afterId, limit: limit + 1 }),
      );
      return pageOfRows(rows, limit, (tenant) => [tenant.id], asTenant);
    },
  );

  server.delete(
    "/tenants/:tenant_id",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Delete a tenant: its endpoints refuse deliveries, its flows stop, its runs are cancelled",
        params: TenantParams,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const { tenant_id: tenantId } = params;
      const found = await database.transaction((transaction) => deleteTenant(transaction, tenantId));
      if (!found) throw noTenant(tenantId);
      // Events go first, because an event that is routed meanwhile still creates its runs. If the call ends before the
      // last batch, the next call finishes it.
      await stopAll(tenantId, dropUnroutedEvents);
      await stopAll(tenantId, cancelRuns);
      return reply.code(204).send(null);
    },
  );

  async function stopAll(tenantId: string, stopSome: typeof cancelRuns): Promise<void> {
    let stopped: number;
    do {
      stopped = await database.transaction((transaction) => stopSome(transaction, tenantId, STOP_BATCH));
    } while (stopped === STOP_BATCH);
  }
};

function noTenant(tenantId: string): HeadraceError {
  return new HeadraceError("not_found", `There is no tenant ${tenantId}`);
}
