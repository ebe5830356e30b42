/** The endpoint that is meant where none is named. */
export const DEFAULT_ENDPOINT = "default";

/** Pending: it has no secret yet, and its scheme verifies with one. */
export type EndpointStatus = "pending" | "active" | "disabled";

export function endpointStatus(endpoint: {
  enabled: boolean;
  secrets: number;
  /** Asked only of an endpoint without secrets. */
  needsSecret: () => boolean;
}): EndpointStatus {
  if (!endpoint.enabled) return "disabled";
  return endpoint.secrets === 0 && endpoint.needsSecret() ? "pending" : "active";
}

/** What the provider calls: the endpoint's own URL, and the one that all endpoints of the connector share. */
export function endpointUrls(
  publicUrl: string,
  name: { tenantId: string; connector: string; endpoint: string },
): { url: string; appUrl: string } {
  const appUrl = `${publicUrl.replace(/\/+$/, "")}/api/v1/webhooks/${name.connector}`;
  const own = name.endpoint === DEFAULT_ENDPOINT ? "" : `/${name.endpoint}`;
  return { url: `${appUrl}/${name.tenantId}${own}`, appUrl };
}
