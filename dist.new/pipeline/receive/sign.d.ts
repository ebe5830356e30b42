import type { Scheme } from "./scheme.ts";
export interface Sample {
    scheme: Scheme;
    secret: string;
    body: Buffer;
    nowMs: number;
    /** The delivery id, where the scheme has a header for one. */
    id: string;
    /** The event type, where the scheme has a header for it; without the part that the body's suffix gives. */
    type: string;
    /** Only where the scheme signs them. */
    method?: string;
    url?: string;
}
/**
 * Signs a delivery as the provider does: the headers that the scheme names, and the body unchanged. What stands
 * in the body (type, id, time) is the caller's. Throws HeadraceError `unprocessable` for a scheme whose signature
 * only the provider's private key can make, or stands in no header.
 */
export declare function signSample(sample: Sample): {
    headers: Record<string, string>;
    body: Buffer;
};
