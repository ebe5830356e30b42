import { type Static, Type } from "typebox";
import { endpointStatus, endpointUrls } from "../../domain/endpoint.ts";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import type { StoredEndpoint } from "../../postgres/access/endpoints.ts";
import { closed, Id, Instant, line, nullable } from "../field-schemas.ts";
import { Params } from "./connector-schema.ts";

/** Secrets per endpoint. Each of them is tried for each delivery. */
export const MAX_SECRETS = 8;

/** Endpoints per tenant and account of a connector. Each of them may be tried for a delivery to the app's URL. */
export const MAX_ENDPOINTS_OF_ACCOUNT = 4;

const SecretValue = Type.String({ minLength: 1, maxLength: 8192, description: "1 to 8192 characters" });

const settings = {
  account: Type.Optional(line(200)),
  params: Type.Optional(Params),
  enabled: Type.Optional(Type.Boolean({ default: true })),
};

/** The body of a PUT of an endpoint. Its secrets replace all existing ones; without any the existing ones stay. */
export const EndpointInput = Type.Object(
  {
    secrets: Type.Optional(
      Type.Array(Type.Object({ value: SecretValue, not_after: Type.Optional(Instant) }, closed), {
        maxItems: MAX_SECRETS,
        description: "at most 8 of { value, not_after? }; left out, the stored ones stay, and [] clears them",
      }),
    ),
    ...settings,
  },
  closed,
);

/** How long the previous secrets stay valid after a rotation, s. */
export const DEFAULT_OVERLAP_SECONDS = 86_400;

/** The body of a rotation. */
export const RotateInput = Type.Object(
  {
    value: SecretValue,
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        default: DEFAULT_OVERLAP_SECONDS,
        description: "an integer from 0 to 2592000: how long the previous secrets stay valid",
      }),
    ),
  },
  closed,
);

/** An endpoint in responses. */
export const Endpoint = Type.Object(
  {
    tenant_id: Id,
    connector: Id,
    endpoint: Id,
    ...settings,
    status: Type.Enum(["pending", "active", "disabled"], { description: "pending: it has no secret yet." }),
    url: Type.String({ description: "The URL that the provider calls." }),
    app_url: Type.String({ description: "The URL that the provider calls for all accounts of an app." }),
    secrets: Type.Array(Type.Object({ created_at: Instant, not_after: nullable(Instant) }), {
      description: "The values are never included.",
    }),
    warnings: Type.Array(Type.String(), {
      description: "Weaknesses of the endpoint, a sentence each, such as a secret that is too short.",
    }),
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "Endpoint" },
);

/** Shared secrets with shorter keys can be guessed, bytes. */
const WEAK_KEY_BYTES = 16;

/** Converts a stored endpoint to its API form, with URLs under `publicUrl`. */
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
    warnings: secrets.flatMap(({ createdAt, keyBytes }) =>
      keyBytes === undefined || keyBytes >= WEAK_KEY_BYTES
        ? []
        : `The secret of ${createdAt.toISOString()} is shorter than ${WEAK_KEY_BYTES} bytes, so it can be guessed: ` +
          "rotate it to a random one",
    ),
    created_at: endpoint.createdAt.toISOString(),
    updated_at: endpoint.updatedAt.toISOString(),
  };
}
