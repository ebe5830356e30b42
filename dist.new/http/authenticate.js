import { hashApiKey, refusal } from "../domain/api-key.js";
import { HeadraceError } from "../domain/errors.js";
import { findAccess } from "../postgres/api-keys.js";
export function createGuards(database) {
    return {
        tenant: (scope) => (request) => admit(database, request, scope, tenantIdOf(request)),
        installation: (scope) => (request) => admit(database, request, scope, undefined),
    };
}
async function admit(database, request, scope, tenantId) {
    const keyHash = hashApiKey(bearerKey(request.headers.authorization));
    const access = await database.transaction((transaction) => findAccess(transaction, { keyHash, tenantId }));
    if (access === undefined) {
        throw new HeadraceError("unauthorized", "The API key is unknown, has expired or was revoked");
    }
    const reason = refusal(access, { scope, tenantId });
    if (reason !== undefined)
        throw new HeadraceError("forbidden", reason);
    if (tenantId !== undefined && !access.tenantExists) {
        throw new HeadraceError("not_found", `There is no tenant ${tenantId}`);
    }
}
function bearerKey(header) {
    const key = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(header ?? "")?.[1];
    if (key !== undefined)
        return key;
    throw new HeadraceError("unauthorized", "An API key is needed, as Authorization: Bearer <key>");
}
function tenantIdOf(request) {
    return request.params.tenant_id;
}
//# sourceMappingURL=authenticate.js.map