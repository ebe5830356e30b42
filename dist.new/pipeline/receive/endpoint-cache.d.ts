import type { Queryable } from "../../postgres/database.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
import { type EndpointName } from "../../postgres/receiving-endpoints.ts";
import type { Scheme } from "./scheme.ts";
import { type Verifier } from "./verify.ts";
/** An endpoint as deliveries are judged by it, right at one value of the receive counter. */
export interface KnownEndpoint {
    counter: number;
    scheme: Scheme;
    verify: Verifier;
    /** Why every delivery to it is rejected, whatever its signature says. */
    closed: "unknown_endpoint" | "disabled" | undefined;
}
/** Where a secret of an endpoint lives, which is sealed with it. */
export declare function endpointSecretPlace(name: EndpointName, secretId: string): string;
/** Endpoints by name, each loaded once for each value of the receive counter that this process has seen. */
export interface EndpointCache {
    get(name: EndpointName): Promise<KnownEndpoint>;
    /** Says that the counter has this value: what was loaded before it no longer counts. */
    advance(counter: number): void;
}
export declare function createEndpointCache(deps: {
    database: Queryable;
    keyRing: KeyRing;
    /** Endpoints kept, unknown ones among them. */
    maxEndpoints: number;
}): EndpointCache;
/** The scheme of a connector's `webhook`: its own, or a preset's under the connector's params and the endpoint's. */
export declare function schemeOf(webhook: unknown, params: Readonly<Record<string, string>>): Scheme;
