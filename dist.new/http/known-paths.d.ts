import type { RouteOptions } from "fastify";
/** Which methods a path takes, as the routes were registered: what tells a wrong method from a wrong path. */
export interface KnownPaths {
    add(route: Pick<RouteOptions, "method" | "url">): void;
    methodsOf(path: string): string[];
}
export declare function createKnownPaths(): KnownPaths;
