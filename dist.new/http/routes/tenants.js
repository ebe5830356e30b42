import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.js";
import { cancelRuns, deleteTenant, findTenant, listTenants, putTenant } from "../../postgres/tenants.js";
import { pageOfRows, readCursor } from "../cursor.js";
import { ERROR_RESPONSES } from "../errors.js";
import { Id, reference, TenantParams } from "../schemas/fields.js";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../schemas/page.js";
import { asTenant, asTenantSettings, Tenant, TenantInput } from "../schemas/tenant.js";
/** Runs that one transaction cancels. */
const CANCEL_BATCH = 5_000;
const tags = ["Tenants"];
export const tenantRoutes = async (server, { database, guards }) => {
    server.put("/tenants/:tenant_id", {
        onRequest: guards.installation("admin"),
        schema: {
            tags,
            summary: "Create or replace a tenant",
            params: TenantParams,
            body: TenantInput,
            response: { 200: reference(Tenant), ...ERROR_RESPONSES },
        },
    }, async ({ params, body }) => {
        const tenant = await database.transaction((transaction) => putTenant(transaction, params.tenant_id, asTenantSettings(body)));
        if (tenant !== undefined)
            return asTenant(tenant);
        throw new HeadraceError("conflict", `Tenant ${params.tenant_id} was deleted, and its data is still being removed: choose another id`);
    });
    server.get("/tenants/:tenant_id", {
        onRequest: guards.tenant("read"),
        schema: {
            tags,
            summary: "A tenant",
            params: TenantParams,
            response: { 200: reference(Tenant), ...ERROR_RESPONSES },
        },
    }, async ({ params }) => {
        const tenant = await database.withTenant(params.tenant_id, (transaction) => findTenant(transaction, params.tenant_id));
        if (tenant === undefined)
            throw noTenant(params.tenant_id);
        return asTenant(tenant);
    });
    server.get("/tenants", {
        onRequest: guards.installation("read"),
        schema: {
            tags,
            summary: "The tenants, by id",
            querystring: pageQuery({}),
            response: { 200: pageOf(reference(Tenant)), ...ERROR_RESPONSES },
        },
    }, async ({ query: { limit = DEFAULT_LIMIT, cursor } }) => {
        const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
        const rows = await database.transaction((transaction) => listTenants(transaction, { afterId, limit: limit + 1 }));
        return pageOfRows(rows, limit, (tenant) => [tenant.id], asTenant);
    });
    server.delete("/tenants/:tenant_id", {
        onRequest: guards.installation("admin"),
        schema: {
            tags,
            summary: "Delete a tenant: its endpoints take nothing more, its flows stop, its runs are cancelled",
            params: TenantParams,
            response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
        },
    }, async ({ params }, reply) => {
        const { tenant_id: tenantId } = params;
        const found = await database.transaction((transaction) => deleteTenant(transaction, tenantId));
        if (!found)
            throw noTenant(tenantId);
        // From here on no run is made. A call that ends before the last batch is finished by the next one.
        while ((await cancelSome(tenantId)) === CANCEL_BATCH)
            ;
        return reply.code(204).send(null);
    });
    function cancelSome(tenantId) {
        return database.transaction((transaction) => cancelRuns(transaction, tenantId, CANCEL_BATCH));
    }
};
function noTenant(tenantId) {
    return new HeadraceError("not_found", `There is no tenant ${tenantId}`);
}
//# sourceMappingURL=tenants.js.map