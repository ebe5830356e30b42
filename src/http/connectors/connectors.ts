import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import {
  type ConnectorUser,
  deleteConnector,
  findConnector,
  listConnectors,
  listConnectorUsers,
  listEndpointParams,
  putConnector,
} from "../../postgres/access/connectors.ts";
import { raiseCounter } from "../../postgres/core/change-counters.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { listSourceParams } from "../../postgres/sources/sources.ts";
import { checkConnectorSource } from "../../synthetic/sources/check-connector-source.ts";
import { flawsOfParams } from "../../synthetic/sources/check-source.ts";
import type { ConnectorSource } from "../../synthetic/sources/connector-source.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { closed, Id, reference } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { asConnector, Connector, ConnectorInput, ConnectorParams } from "./connector-schema.ts";

/** Endpoint and source params that are checked against the new webhook and source of their connector. */
const MAX_TRIED_PARAMS = 1_000;

/** Users of each kind that are named when a connector in use is not deleted. */
const MAX_NAMED_USERS = 10;

const tags = ["Connectors"];

/**
 * Routes for connectors, which all tenants share. Only administrators see them: their params may include credentials.
 */
export const connectorRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.put(
    "/connectors/:connector",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Create or replace a connector",
        params: ConnectorParams,
        body: ConnectorInput,
        response: { 200: reference(Connector), ...ERROR_RESPONSES },
      },
    },
    async ({ params, body: { name, webhook, source } }) => {
      if (webhook !== undefined) schemeOf(webhook, {});
      if (source !== undefined) checkConnectorSource(source as ConnectorSource);
      const connector = await database.transaction(async (transaction) => {
        await raiseCounter(transaction, "receive");
        const sourceVersion = await raiseCounter(transaction, "sources");
        await refuseForEndpoints(transaction, params.connector, webhook);
        await refuseForSources(transaction, params.connector, source as ConnectorSource | undefined);
        return await putConnector(transaction, params.connector, { name, webhook, source, sourceVersion });
      });
      return asConnector(connector);
    },
  );

  server.get(
    "/connectors/:connector",
    {
      onRequest: guards.installation("read"),
      schema: {
        tags,
        summary: "A connector",
        params: ConnectorParams,
        response: { 200: reference(Connector), ...ERROR_RESPONSES },
      },
    },
    async ({ params }) => {
      const connector = await database.transaction((transaction) =>
        findConnector(transaction, params.connector),
      );
      if (connector === undefined) throw noConnector(params.connector);
      return asConnector(connector);
    },
  );

  server.get(
    "/connectors",
    {
      onRequest: guards.installation("read"),
      schema: {
        tags,
        summary: "The connectors, by id",
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Connector)), ...ERROR_RESPONSES },
      },
    },
    async ({ query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
      const rows = await database.transaction((transaction) =>
        listConnectors(transaction, { afterId, limit: limit + 1 }),
      );
      return pageOfRows(rows, limit, (connector) => [connector.id], asConnector);
    },
  );

  server.delete(
    "/connectors/:connector",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Delete a connector that nothing uses",
        description:
          "409 while endpoints, sources or flows of any tenant use it: the details name some of each. With force " +
          "its endpoints and sources of every tenant are deleted too, with their secrets and credentials; flows " +
          "that name it stay.",
        params: ConnectorParams,
        querystring: DeleteQuery,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { force } }, reply) => {
      const found = await database.transaction(async (transaction) => {
        // Locks the counters first, so that no endpoint or source is added before the commit.
        await raiseCounter(transaction, "receive");
        await raiseCounter(transaction, "sources");
        if (force !== "true") await refuseInUse(transaction, params.connector);
        return await deleteConnector(transaction, params.connector);
      });
      if (!found) throw noConnector(params.connector);
      return reply.code(204).send(null);
    },
  );
};

const DeleteQuery = Type.Object(
  { force: Type.Optional(Type.Enum(["true", "false"], { default: "false" })) },
  closed,
);

/** Refuses to delete a connector that is in use, and names its users. */
async function refuseInUse(transaction: Queryable, connector: string): Promise<void> {
  const users = await listConnectorUsers(transaction, connector, MAX_NAMED_USERS + 1);
  if (users.length === 0) return;
  const ofKind = (kind: ConnectorUser["kind"]) => users.filter((user) => user.kind === kind);
  const counts = (["endpoint", "source", "flow"] as const).flatMap((kind) => {
    const { length } = ofKind(kind);
    if (length === 0) return [];
    return length > MAX_NAMED_USERS
      ? `more than ${MAX_NAMED_USERS} ${kind}s`
      : `${length} ${kind}${length === 1 ? "" : "s"}`;
  });
  const named = (["endpoint", "source", "flow"] as const).flatMap((kind) =>
    ofKind(kind).slice(0, MAX_NAMED_USERS),
  );
  throw new HeadraceError(
    "conflict",
    `Connector ${connector} is in use by ${counts.join(", ")}: delete them first, or add ?force=true, which deletes its endpoints and sources and leaves flows that name it`,
    {
      details: named.map(({ kind, tenantId, id }) => ({
        field: "connector",
        expected: "a connector that nothing uses",
        got: `${kind} ${id} of tenant ${tenantId}`,
      })),
    },
  );
}

/** Refuses a new webhook that the params of an existing endpoint contradict: its deliveries would stop. */
async function refuseForEndpoints(
  transaction: Queryable,
  connector: string,
  webhook: Record<string, unknown> | undefined,
): Promise<void> {
  for (const { tenantId, endpoint, params } of await listEndpointParams(
    transaction,
    connector,
    MAX_TRIED_PARAMS,
  )) {
    try {
      schemeOf(webhook, params);
    } catch (cause) {
      const reason = cause instanceof HeadraceError ? cause.message : "it cannot be read";
      throw new HeadraceError(
        "conflict",
        `Endpoint ${endpoint} of tenant ${tenantId} does not fit the new webhook: ${reason}`,
        { cause },
      );
    }
  }
}

/** Refuses a new source with which existing sources could no longer be polled. */
async function refuseForSources(
  transaction: Queryable,
  connector: string,
  polled: ConnectorSource | undefined,
): Promise<void> {
  for (const { tenantId, source, params } of await listSourceParams(
    transaction,
    connector,
    MAX_TRIED_PARAMS,
  )) {
    const [flaw] = polled === undefined ? [] : flawsOfParams(polled, params);
    if (polled !== undefined && flaw === undefined) continue;
    const reason = flaw === undefined ? "it has none" : `${flaw.field} must be ${flaw.expected}`;
    throw new HeadraceError(
      "conflict",
      `Source ${source} of tenant ${tenantId} does not fit the connector's new source: ${reason}`,
    );
  }
}

function noConnector(connector: string): HeadraceError {
  return new HeadraceError("not_found", `There is no connector ${connector}`);
}
