/** The endpoint of a connector if none is named. */
export const DEFAULT_ENDPOINT = "default";

/** `pending`: the scheme needs a secret, and the endpoint has none yet. */
export type EndpointStatus = "pending" | "active" | "disabled";

/** Returns the status of an endpoint. */
export function endpointStatus(endpoint: {
  enabled: boolean;
  secrets: number;
  /** Called only for an endpoint without secrets. */
  needsSecret: () => boolean;
}): EndpointStatus {
  if (!endpoint.enabled) return "disabled";
  return endpoint.secrets === 0 && endpoint.needsSecret() ? "pending" : "active";
}

/** Returns the URLs for the provider: the endpoint's own, and the one that all endpoints of the connector share. */
export function endpointUrls(
  publicUrl: string,
  name: { tenantId: string; connector: string; endpoint: string },
): { url: string; appUrl: string } {
  const appUrl = `${publicUrl.replace(/\/+$/, "")}/api/v1/webhooks/${name.connector}`;
  const own = name.endpoint === DEFAULT_ENDPOINT ? "" : `/${name.endpoint}`;
  return { url: `${appUrl}/${name.tenantId}${own}`, appUrl };
}
