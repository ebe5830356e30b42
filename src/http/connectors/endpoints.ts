import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { DEFAULT_ENDPOINT } from "../../domain/endpoint.ts";
import { findEndpoint, listEndpoints, type StoredEndpoint } from "../../postgres/access/endpoints.ts";
import type { EndpointName } from "../../postgres/access/receiving-endpoints.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Instant, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { createEndpointChanges, noEndpoint } from "./endpoint-changes.ts";
import {
  asEndpoint,
  DEFAULT_OVERLAP_SECONDS,
  Endpoint,
  EndpointInput,
  RotateInput,
} from "./endpoint-schema.ts";

interface Options {
  database: Database;
  guards: Guards;
  keyRing: KeyRing;
  publicUrl: string;
}

const tags = ["Endpoints"];

/** Routes for the endpoints of a tenant, which receive its deliveries. */
export const endpointRoutes: FastifyPluginAsyncTypebox<Options> = async (server, options) => {
  const { database, guards, publicUrl } = options;

  server.get(
    "/tenants/:tenant_id/endpoints",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The endpoints of a tenant, by connector and endpoint",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Endpoint)), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [connector = "", endpoint = ""] = readCursor(cursor, Type.Tuple([Id, Id])) ?? [];
      const rows = await database.withTenant(params.tenant_id, (transaction) =>
        listEndpoints(transaction, params.tenant_id, { after: { connector, endpoint }, limit: limit + 1 }),
      );
      const keyOf = (row: StoredEndpoint) => [row.connector, row.endpoint];
      return pageOfRows(rows, limit, keyOf, (row) => asEndpoint(row, publicUrl));
    },
  );

  await server.register(oneEndpoint, { ...options, path: "", params: ConnectorParams });
  await server.register(oneEndpoint, { ...options, path: "/:endpoint", params: EndpointParams });
};

const Handshake = Type.Object({
  verification_token: Type.String(),
  captured_at: Instant,
  shown_until: Instant,
});

const ConnectorParams = Type.Object({ tenant_id: Id, connector: Id });
const EndpointParams = Type.Object({ tenant_id: Id, connector: Id, endpoint: Id });

/** Routes for one endpoint: the one in the path, or the default endpoint if the path names none. */
const oneEndpoint: FastifyPluginAsyncTypebox<
  Options & { path: string; params: typeof ConnectorParams | typeof EndpointParams }
> = async (server, { database, guards, keyRing, publicUrl, path, params }) => {
  const url = `/tenants/:tenant_id/endpoints/:connector${path}`;
  const which = path === "" ? "the default endpoint" : "an endpoint";
  const changes = createEndpointChanges({ database, keyRing });
  const response = { 200: reference(Endpoint), ...ERROR_RESPONSES };

  server.put(
    url,
    {
      onRequest: guards.tenant("write"),
      schema: { tags, summary: `Create or replace ${which}`, params, body: EndpointInput, response },
    },
    async ({ params, body }) => {
      const { secrets, account, params: own = {}, enabled = true } = body;
      return asEndpoint(
        await changes.put(nameOf(params), { account, params: own, enabled }, secrets),
        publicUrl,
      );
    },
  );

  server.get(
    url,
    { onRequest: guards.tenant("read"), schema: { tags, summary: `Show ${which}`, params, response } },
    async ({ params }) => {
      const name = nameOf(params);
      const endpoint = await database.withTenant(name.tenantId, (transaction) =>
        findEndpoint(transaction, name),
      );
      if (endpoint === undefined) throw noEndpoint(name);
      return asEndpoint(endpoint, publicUrl);
    },
  );

  server.post(
    `${url}/rotate`,
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: `Add a new secret to ${which} beside the old ones`,
        params,
        body: RotateInput,
        response,
      },
    },
    async ({ params, body: { value, overlap_seconds: overlapSeconds = DEFAULT_OVERLAP_SECONDS } }) =>
      asEndpoint(await changes.rotate(nameOf(params), value, overlapSeconds), publicUrl),
  );

  server.get(
    `${url}/handshake`,
    {
      // The token is the secret, so it needs the scope that sets secrets.
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: `The token that a handshake gave to ${which}, to be pasted into the provider's page`,
        description: "Available for 24 hours, and only if the provider requires it (notion).",
        params,
        response: { 200: Handshake, ...ERROR_RESPONSES },
      },
    },
    async ({ params }) => {
      const { secret, capturedAt, shownUntil } = await changes.shownSecret(nameOf(params));
      return {
        verification_token: secret,
        captured_at: capturedAt.toISOString(),
        shown_until: shownUntil.toISOString(),
      };
    },
  );

  server.delete(
    url,
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: `Delete ${which} with its secrets`,
        params,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      await changes.delete(nameOf(params));
      return reply.code(204).send(null);
    },
  );
};

function nameOf(params: { tenant_id: string; connector: string; endpoint?: string }): EndpointName {
  const { tenant_id: tenantId, connector, endpoint = DEFAULT_ENDPOINT } = params;
  return { tenantId, connector, endpoint };
}
