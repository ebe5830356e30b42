import type { FastifyInstance } from "fastify";
/** Collects every route with a tag into an OpenAPI 3.1 document and serves it at /openapi.json. */
export declare function serveOpenApi(server: FastifyInstance, { version, publicUrl }: {
    version: string;
    publicUrl: string;
}): void;
