import type { FastifyRequest } from "fastify";
import { type Scope } from "../domain/api-key.ts";
import type { Database } from "../postgres/database.ts";
/** An `onRequest` hook of one route: it passes, or throws `unauthorized`, `forbidden` or `not_found`. */
export type Guard = (request: FastifyRequest) => Promise<void>;
/** What each route demands of the key in `Authorization: Bearer <key>`, before its body is read. */
export interface Guards {
    /** A key with the scope over the tenant in the path, which must exist. */
    tenant(scope: Scope): Guard;
    /** A key with the scope that is bound to no tenant. */
    installation(scope: Scope): Guard;
}
export declare function createGuards(database: Database): Guards;
