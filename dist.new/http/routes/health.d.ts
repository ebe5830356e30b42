import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Registry } from "prom-client";
/** Whether this process can do its work, and what hinders it. */
export interface Readiness {
    ready: boolean;
    checks: Record<string, {
        ok: boolean;
        detail?: string;
    }>;
}
/** What load balancers and scrapers ask; no key is needed. */
export declare const healthRoutes: FastifyPluginAsyncTypebox<{
    readiness: () => Promise<Readiness>;
    registry: Registry;
}>;
