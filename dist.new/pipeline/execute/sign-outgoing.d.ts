/**
 * The headers by which a target knows that a request is ours and whole: Standard Webhooks 1.0.0, symmetric (v1). The
 * target verifies with any of that standard's libraries and the flow's secret: `whsec_`, then the key in base64. The
 * bytes signed are the bytes sent; `id` holds no dot.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export declare function signOutgoing(request: {
    id: string;
    nowMs: number;
    body: Buffer;
    secret: string;
}): {
    "webhook-id": string;
    "webhook-timestamp": string;
    "webhook-signature": string;
};
