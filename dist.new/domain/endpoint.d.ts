/** The endpoint that is meant where none is named. */
export declare const DEFAULT_ENDPOINT = "default";
/** Pending: it has no secret yet, and its scheme verifies with one. */
export type EndpointStatus = "pending" | "active" | "disabled";
export declare function endpointStatus(endpoint: {
    enabled: boolean;
    secrets: number;
    /** Asked only of an endpoint without secrets. */
    needsSecret: () => boolean;
}): EndpointStatus;
/** What the provider calls: the endpoint's own URL, and the one that all endpoints of the connector share. */
export declare function endpointUrls(publicUrl: string, name: {
    tenantId: string;
    connector: string;
    endpoint: string;
}): {
    url: string;
    appUrl: string;
};
