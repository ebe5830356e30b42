import { type Static, Type } from "typebox";
import { endpointStatus, endpointUrls } from "../../domain/endpoint.ts";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import type { StoredEndpoint } from "../../postgres/access/endpoints.ts";
import { closed, Id, Instant, line, nullable } from "../field-schemas.ts";
import { Params } from "./connector-schema.ts";

/** An endpoint has no more secrets: each is tried on each delivery. */
export const MAX_SECRETS = 8;

/** No tenant has more endpoints of one account of a connector: each may be tried on a delivery to the app's URL. */
export const MAX_ENDPOINTS_OF_ACCOUNT = 4;

const SecretValue = Type.String({ minLength: 1, maxLength: 8192, description: "1 to 8192 characters" });

const settings = {
  account: Type.Optional(line(200)),
  params: Type.Optional(Params),
  enabled: Type.Optional(Type.Boolean({ default: true })),
};

/** What a PUT of an endpoint may set. Its secrets are those given, in place of all that it had. */
export const EndpointInput = Type.Object(
  {
    secrets: Type.Optional(
      Type.Array(Type.Object({ value: SecretValue, not_after: Type.Optional(Instant) }, closed), {
        maxItems: MAX_SECRETS,
        description: "at most 8 of { value, not_after? }",
      }),
    ),
    ...settings,
  },
  closed,
);

/** How long the secrets before a new one still hold, s. */
export const DEFAULT_OVERLAP_SECONDS = 86_400;

/** What a rotation takes. */
export const RotateInput = Type.Object(
  {
    value: SecretValue,
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        default: DEFAULT_OVERLAP_SECONDS,
        description: "an integer from 0 to 2592000: how long the secrets before it still hold",
      }),
    ),
  },
  closed,
);

/** An endpoint as it is shown. */
export const Endpoint = Type.Object(
  {
    tenant_id: Id,
    connector: Id,
    endpoint: Id,
    ...settings,
    status: Type.Enum(["pending", "active", "disabled"], { description: "Pending: it has no secret yet." }),
    url: Type.String({ description: "What the provider calls." }),
    app_url: Type.String({ description: "What the provider calls where one URL serves all accounts." }),
    secrets: Type.Array(Type.Object({ created_at: Instant, not_after: nullable(Instant) }), {
      description: "Never their values.",
    }),
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "Endpoint" },
);

export function asEndpoint(endpoint: StoredEndpoint, publicUrl: string): Static<typeof Endpoint> {
  const { account, params, enabled, secrets } = endpoint;
  const { url, appUrl } = endpointUrls(publicUrl, endpoint);
  return {
    tenant_id: endpoint.tenantId,
    connector: endpoint.connector,
    endpoint: endpoint.endpoint,
    ...(account !== undefined && { account }),
    params,
    enabled,
    status: endpointStatus({
      enabled,
      secrets: secrets.length,
      needsSecret: () => schemeOf(endpoint.webhook, params).algorithm !== "none",
    }),
    url,
    app_url: appUrl,
    secrets: secrets.map(({ createdAt, notAfter }) => ({
      created_at: createdAt.toISOString(),
      not_after: notAfter?.toISOString() ?? null,
    })),
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}
