import type { FastifyPluginAsync } from "fastify";
import type { Acceptor } from "../pipeline/receive/acceptor.ts";
import type { Database } from "../postgres/database.ts";
import type { KeyRing } from "../postgres/key-ring.ts";
import type { CheckActionHeaders } from "./flow-input.ts";
import { type Normalize } from "./schemas/event.ts";
export interface ApiDeps {
    database: Database;
    keyRing: KeyRing;
    acceptor: Acceptor;
    normalize: Normalize;
    checkActionHeaders: CheckActionHeaders;
    /** What providers call, without a path. */
    publicUrl: string;
}
/** The management API: every route behind a guard, every body JSON. */
export declare const apiRoutes: FastifyPluginAsync<ApiDeps>;
