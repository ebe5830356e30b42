import { parseBody } from "../domain/body.js";
import { HeadraceError } from "../domain/errors.js";
import { createGuards } from "./authenticate.js";
import { connectorRoutes } from "./routes/connectors.js";
import { deadLetterRoutes } from "./routes/dead-letters.js";
import { endpointRoutes } from "./routes/endpoints.js";
import { eventRoutes } from "./routes/events.js";
import { flowRoutes } from "./routes/flows.js";
import { keyRoutes } from "./routes/keys.js";
import { runRoutes } from "./routes/runs.js";
import { tenantRoutes } from "./routes/tenants.js";
import { ApiKey, NewApiKey } from "./schemas/api-key.js";
import { Connector } from "./schemas/connector.js";
import { DeadLetter } from "./schemas/dead-letter.js";
import { Endpoint } from "./schemas/endpoint.js";
import { Event, EventDetail } from "./schemas/event.js";
import { Flow } from "./schemas/flow.js";
import { Run } from "./schemas/run.js";
import { Tenant } from "./schemas/tenant.js";
/** A call takes no longer, ms: longer than any one statement may. Its answer is then 503. */
const DEADLINE_MS = 30_000;
/** The management API: every route behind a guard, every body JSON. */
export const apiRoutes = async (server, deps) => {
    const shared = { database: deps.database, guards: createGuards(deps.database) };
    const { keyRing, acceptor, normalize, checkActionHeaders, publicUrl } = deps;
    server.addHook("onRoute", (route) => {
        route.handlerTimeout ??= DEADLINE_MS;
    });
    server.removeAllContentTypeParsers();
    // The rules of delivered bodies, so that what is accepted here can be normalised.
    server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
        const parsed = parseBody({ contentType: "application/json", body: body });
        if (parsed.kind === "parsed")
            done(null, parsed.data);
        else
            done(new HeadraceError("invalid_request", parsed.reason));
    });
    for (const schema of [Tenant, Connector, Endpoint, Flow, Event, EventDetail, Run, DeadLetter, ApiKey, NewApiKey]) {
        server.addSchema(schema);
    }
    await server.register(tenantRoutes, shared);
    await server.register(connectorRoutes, shared);
    await server.register(endpointRoutes, { ...shared, keyRing, publicUrl });
    await server.register(flowRoutes, { ...shared, keyRing, checkActionHeaders });
    await server.register(eventRoutes, { ...shared, acceptor, normalize });
    await server.register(runRoutes, shared);
    await server.register(deadLetterRoutes, shared);
    await server.register(keyRoutes, shared);
};
//# sourceMappingURL=api.js.map