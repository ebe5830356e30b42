import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Acceptor } from "../../pipeline/receive/acceptor.ts";
import type { Database } from "../../postgres/database.ts";
import type { Guards } from "../authenticate.ts";
import { type Normalize } from "../schemas/event.ts";
export declare const eventRoutes: FastifyPluginAsyncTypebox<{
    database: Database;
    guards: Guards;
    acceptor: Acceptor;
    normalize: Normalize;
}>;
