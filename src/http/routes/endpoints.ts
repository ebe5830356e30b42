import { randomUUID } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { DEFAULT_ENDPOINT } from "../../domain/endpoint.ts";
import { HeadraceError } from "../../domain/errors.ts";
import { endpointSecretPlace, schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import { raiseCounter } from "../../postgres/change-counters.ts";
import { findConnector } from "../../postgres/connectors.ts";
import type { Database, Queryable } from "../../postgres/database.ts";
import {
  deleteEndpoint,
  findEndpoint,
  listEndpoints,
  type NewSecret,
  putEndpoint,
  rotateSecret,
  type StoredEndpoint,
} from "../../postgres/endpoints.ts";
import type { KeyRing } from "../../postgres/key-ring.ts";
import type { EndpointName } from "../../postgres/receiving-endpoints.ts";
import type { Guards } from "../authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { asEndpoint, Endpoint, EndpointInput, MAX_SECRETS, RotateInput } from "../schemas/endpoint.ts";
import { Id, reference, TenantParams } from "../schemas/fields.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../schemas/page.ts";

interface Options {
  database: Database;
  guards: Guards;
  keyRing: KeyRing;
  publicUrl: string;
}

const tags = ["Endpoints"];

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

const ConnectorParams = Type.Object({ tenant_id: Id, connector: Id });
const EndpointParams = Type.Object({ tenant_id: Id, connector: Id, endpoint: Id });

/** The routes of one endpoint: the one named, or the default one where the path names none. */
const oneEndpoint: FastifyPluginAsyncTypebox<
  Options & { path: string; params: typeof ConnectorParams | typeof EndpointParams }
> = async (server, { database, guards, keyRing, publicUrl, path, params }) => {
  const url = `/tenants/:tenant_id/endpoints/:connector${path}`;
  const which = path === "" ? "the default endpoint" : "an endpoint";
  const response = { 200: reference(Endpoint), ...ERROR_RESPONSES };

  /** Changes the endpoint in a transaction that every receiver notices before its next commit. */
  async function change(
    name: EndpointName,
    work: (transaction: Queryable) => Promise<void>,
  ): Promise<Static<typeof Endpoint>> {
    const endpoint = await database.withTenant(name.tenantId, async (transaction) => {
      // First of all, so that what is read of the connector holds until the commit.
      await raiseCounter(transaction, "receive");
      await work(transaction);
      return await findEndpoint(transaction, name);
    });
    if (endpoint === undefined) throw noEndpoint(name);
    return asEndpoint(endpoint, publicUrl);
  }

  function seal(name: EndpointName, secret: { value: string; not_after?: string }): NewSecret {
    const id = randomUUID();
    const notAfter = secret.not_after === undefined ? undefined : new Date(secret.not_after);
    return { id, notAfter, ...keyRing.seal(secret.value, endpointSecretPlace(name, id)) };
  }

  server.put(
    url,
    {
      onRequest: guards.tenant("write"),
      schema: { tags, summary: `Create or replace ${which}`, params, body: EndpointInput, response },
    },
    async ({ params, body }) => {
      const name = nameOf(params);
      const { secrets = [], account, params: own = {}, enabled = true } = body;
      return await change(name, async (transaction) => {
        await checkParams(transaction, name, own);
        const sealed = secrets.map((secret) => seal(name, secret));
        await putEndpoint(transaction, name, { account, params: own, enabled }, sealed);
      });
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
        summary: `Give ${which} a new secret beside the old ones`,
        params,
        body: RotateInput,
        response,
      },
    },
    async ({ params, body: { value, overlap_seconds: overlapSeconds = 86_400 } }) => {
      const name = nameOf(params);
      return await change(name, async (transaction) => {
        if ((await findEndpoint(transaction, name)) === undefined) throw noEndpoint(name);
        const count = await rotateSecret(transaction, name, seal(name, { value }), overlapSeconds);
        if (count <= MAX_SECRETS) return;
        throw new HeadraceError(
          "unprocessable",
          `The endpoint has ${MAX_SECRETS} secrets that still hold: wait for one to expire, or PUT the list anew`,
        );
      });
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
      const name = nameOf(params);
      const found = await database.withTenant(name.tenantId, async (transaction) => {
        await raiseCounter(transaction, "receive");
        return await deleteEndpoint(transaction, name);
      });
      if (!found) throw noEndpoint(name);
      return reply.code(204).send(null);
    },
  );
};

/** Throws unless the connector receives webhooks and takes these params. */
async function checkParams(
  transaction: Queryable,
  name: EndpointName,
  params: Record<string, string>,
): Promise<void> {
  const connector = await findConnector(transaction, name.connector);
  if (connector === undefined)
    throw new HeadraceError("not_found", `There is no connector ${name.connector}`);
  if (connector.webhook === undefined) {
    throw new HeadraceError("unprocessable", `Connector ${name.connector} receives no webhooks`);
  }
  schemeOf(connector.webhook, params);
}

function nameOf(params: { tenant_id: string; connector: string; endpoint?: string }): EndpointName {
  const { tenant_id: tenantId, connector, endpoint = DEFAULT_ENDPOINT } = params;
  return { tenantId, connector, endpoint };
}

function noEndpoint({ tenantId, connector, endpoint }: EndpointName): HeadraceError {
  return new HeadraceError(
    "not_found",
    `Tenant ${tenantId} has no endpoint ${endpoint} of connector ${connector}`,
  );
}
