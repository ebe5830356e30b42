import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Database } from "../../postgres/database.ts";
import type { Guards } from "../authenticate.ts";
export declare const runRoutes: FastifyPluginAsyncTypebox<{
    database: Database;
    guards: Guards;
}>;
