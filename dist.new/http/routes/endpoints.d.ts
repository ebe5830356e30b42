import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Database } from "../../postgres/database.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
import type { Guards } from "../authenticate.ts";
interface Options {
    database: Database;
    guards: Guards;
    keyRing: KeyRing;
    publicUrl: string;
}
export declare const endpointRoutes: FastifyPluginAsyncTypebox<Options>;
export {};
