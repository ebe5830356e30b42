/** The endpoint that is meant where none is named. */
export const DEFAULT_ENDPOINT = "default";
export function endpointStatus(endpoint) {
    if (!endpoint.enabled)
        return "disabled";
    return endpoint.secrets === 0 && endpoint.needsSecret() ? "pending" : "active";
}
/** What the provider calls: the endpoint's own URL, and the one that all endpoints of the connector share. */
export function endpointUrls(publicUrl, name) {
    const appUrl = `${publicUrl.replace(/\/+$/, "")}/api/v1/webhooks/${name.connector}`;
    const own = name.endpoint === DEFAULT_ENDPOINT ? "" : `/${name.endpoint}`;
    return { url: `${appUrl}/${name.tenantId}${own}`, appUrl };
}
//# sourceMappingURL=endpoint.js.map