import swagger from "@fastify/swagger";
/** Collects every route with a tag into an OpenAPI 3.1 document and serves it at /openapi.json. */
export function serveOpenApi(server, { version, publicUrl }) {
    server.register(swagger, {
        openapi: {
            openapi: "3.1.0",
            info: {
                title: "Headrace",
                version,
                description: "What happens in third-party apps becomes events, and events start flows, with at-least-once delivery. " +
                    "JSON is snake_case, times are RFC 3339 UTC, ids of events, runs and dead letters are UUIDv7. A PUT " +
                    "replaces: what is left out takes its default. Lists are paged: pass next_cursor as cursor until it is null.",
                license: { name: "Apache-2.0", identifier: "Apache-2.0" },
            },
            servers: [{ url: publicUrl }],
            components: {
                securitySchemes: {
                    apiKey: { type: "http", scheme: "bearer", description: "An API key: admin, write or read." },
                },
            },
            security: [{ apiKey: [] }],
        },
        hideUntagged: true,
        convertConstToEnum: false,
        refResolver: { buildLocalReference: (schema) => String(schema["$id"]) },
    });
    server.register(async (scope) => {
        scope.get("/openapi.json", async () => server.swagger());
    });
}
//# sourceMappingURL=openapi.js.map