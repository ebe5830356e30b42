import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Database } from "../../postgres/database.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
import type { Guards } from "../authenticate.ts";
import { type CheckActionHeaders } from "../flow-input.ts";
export declare const flowRoutes: FastifyPluginAsyncTypebox<{
    database: Database;
    guards: Guards;
    keyRing: KeyRing;
    checkActionHeaders: CheckActionHeaders;
}>;
