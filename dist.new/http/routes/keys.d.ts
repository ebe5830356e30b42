import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Database } from "../../postgres/database.ts";
import type { Guards } from "../authenticate.ts";
export declare const keyRoutes: FastifyPluginAsyncTypebox<{
    database: Database;
    guards: Guards;
}>;
