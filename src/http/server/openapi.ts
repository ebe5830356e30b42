import swagger from "@fastify/swagger";
import type { FastifyInstance } from "fastify";
import type { ReadPrefix } from "./forwarded-prefix.ts";

/**
 * Serves an OpenAPI 3.1 document of every route with a tag at /openapi.json. Its server is the public URL. For clients
 * behind a proxy with another prefix, that prefix is listed first.
 */
export function serveOpenApi(
  server: FastifyInstance,
  { version, publicUrl, readPrefix }: { version: string; publicUrl: string; readPrefix: ReadPrefix },
): void {
  server.register(swagger, {
    openapi: {
      openapi: "3.1.0",
      info: {
        title: "Headrace",
        version,
        description:
          "Changes in third-party apps become events, and events start flows, with at-least-once delivery. " +
          "JSON is snake_case, times are RFC 3339 UTC, ids of events, runs and dead letters are UUIDv7. A PUT " +
          "replaces: omitted fields take their defaults. Lists are paged: pass next_cursor as cursor until it is null.",
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
    scope.get("/openapi.json", async (request) => {
      const document = server.swagger();
      const prefix = readPrefix(request);
      if (prefix === "" || new URL(publicUrl).pathname === prefix) return document;
      return { ...document, servers: [{ url: prefix }, { url: publicUrl }] };
    });
  });
}
