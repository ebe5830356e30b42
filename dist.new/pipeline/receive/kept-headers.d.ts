import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/**
 * The headers of a delivery that stay with its event, by lower-case name; of a repeated one the last. Whatever the
 * scheme takes its signature or token from is left out.
 */
export declare function keptHeaders(scheme: Scheme, request: InboundRequest): Record<string, string>;
