import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.js";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.js";
import { raiseCounter } from "../../postgres/change-counters.js";
import { deleteConnector, findConnector, listConnectors, listEndpointParams, putConnector, } from "../../postgres/connectors.js";
import { pageOfRows, readCursor } from "../cursor.js";
import { ERROR_RESPONSES } from "../errors.js";
import { asConnector, Connector, ConnectorInput, ConnectorParams } from "../schemas/connector.js";
import { Id, reference } from "../schemas/fields.js";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../schemas/page.js";
/** Different params of a connector's endpoints that are tried with its new webhook. */
const MAX_TRIED_PARAMS = 1_000;
const tags = ["Connectors"];
export const connectorRoutes = async (server, { database, guards }) => {
    server.put("/connectors/:connector", {
        onRequest: guards.installation("admin"),
        schema: {
            tags,
            summary: "Create or replace a connector",
            params: ConnectorParams,
            body: ConnectorInput,
            response: { 200: reference(Connector), ...ERROR_RESPONSES },
        },
    }, async ({ params, body: { name, webhook, source } }) => {
        if (webhook !== undefined)
            schemeOf(webhook, {});
        const connector = await database.transaction(async (transaction) => {
            await raiseCounter(transaction, "receive");
            await refuseForEndpoints(transaction, params.connector, webhook);
            return await putConnector(transaction, params.connector, { name, webhook, source });
        });
        return asConnector(connector);
    });
    server.get("/connectors/:connector", {
        onRequest: guards.installation("read"),
        schema: {
            tags,
            summary: "A connector",
            params: ConnectorParams,
            response: { 200: reference(Connector), ...ERROR_RESPONSES },
        },
    }, async ({ params }) => {
        const connector = await database.transaction((transaction) => findConnector(transaction, params.connector));
        if (connector === undefined)
            throw noConnector(params.connector);
        return asConnector(connector);
    });
    server.get("/connectors", {
        onRequest: guards.installation("read"),
        schema: {
            tags,
            summary: "The connectors, by id",
            querystring: pageQuery({}),
            response: { 200: pageOf(reference(Connector)), ...ERROR_RESPONSES },
        },
    }, async ({ query: { limit = DEFAULT_LIMIT, cursor } }) => {
        const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
        const rows = await database.transaction((transaction) => listConnectors(transaction, { afterId, limit: limit + 1 }));
        return pageOfRows(rows, limit, (connector) => [connector.id], asConnector);
    });
    server.delete("/connectors/:connector", {
        onRequest: guards.installation("admin"),
        schema: {
            tags,
            summary: "Delete a connector, with its endpoints of every tenant and their secrets",
            params: ConnectorParams,
            response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
        },
    }, async ({ params }, reply) => {
        const found = await database.transaction((transaction) => deleteConnector(transaction, params.connector));
        if (!found)
            throw noConnector(params.connector);
        return reply.code(204).send(null);
    });
};
/** A change that an endpoint's own params contradict would stop its deliveries: it is refused. */
async function refuseForEndpoints(transaction, connector, webhook) {
    for (const { tenantId, endpoint, params } of await listEndpointParams(transaction, connector, MAX_TRIED_PARAMS)) {
        try {
            schemeOf(webhook, params);
        }
        catch (cause) {
            const reason = cause instanceof HeadraceError ? cause.message : "it cannot be read";
            throw new HeadraceError("conflict", `Endpoint ${endpoint} of tenant ${tenantId} does not fit the new webhook: ${reason}`, { cause });
        }
    }
}
function noConnector(connector) {
    return new HeadraceError("not_found", `There is no connector ${connector}`);
}
//# sourceMappingURL=connectors.js.map