import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import { findConnector } from "../../postgres/access/connectors.ts";
import { raiseCounter } from "../../postgres/core/change-counters.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import {
  credentialsAad,
  deleteSource,
  findSource,
  findSourceCredentials,
  listSources,
  putSource,
  type SourceName,
} from "../../postgres/sources/sources.ts";
import { deleteSourceState } from "../../postgres/sources/states.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";
import { checkSource, urlsOfSource } from "../../synthetic/sources/check-source.ts";
import type { ConnectorSource } from "../../synthetic/sources/connector-source.ts";
import { flawOfKeeping, type SourcePlace } from "../../synthetic/sources/kept-credentials.ts";
import type { Credentials } from "../../synthetic/sources/polled-source.ts";
import type { Guards } from "../access/authenticate.ts";
import { checkUrl } from "../connectors/check-url.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import {
  asDefinition,
  asSource,
  type ReadSourceStates,
  Source,
  SourceInput,
  SourceParams,
} from "./source-schema.ts";

const tags = ["Sources"];

/** Routes for the polled sources of a tenant. Credentials are never returned. */
export const sourceRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  keyRing: KeyRing;
  readSourceStates: ReadSourceStates;
  refusedTarget: TargetRules;
}> = async (server, { database, guards, keyRing, readSourceStates, refusedTarget }) => {
  const response = { 200: reference(Source), ...ERROR_RESPONSES };
  const stateOf = async ({ tenantId, source }: SourceName) =>
    (await readSourceStates(tenantId, [source])).get(source);

  /** Returns the credentials that a PUT without any keeps. Throws `unprocessable` if they cannot stay. */
  async function keptCredentials(
    transaction: Queryable,
    name: SourceName,
    { polled, connector, params }: SourcePlace & { polled: ConnectorSource },
  ): Promise<Credentials | undefined> {
    const stored = await findSourceCredentials(transaction, name);
    if (stored === undefined) return undefined;
    const flaw = flawOfKeeping(polled, stored, { connector, params });
    if (flaw !== undefined) throw unkept(flaw);
    try {
      return JSON.parse(keyRing.open(stored.sealed, credentialsAad(name))) as Credentials;
    } catch (cause) {
      const expected = "the credentials again, since no key decrypts the stored ones";
      throw unkept({ field: "credentials", expected, got: "nothing" }, cause);
    }
  }

  server.put(
    "/tenants/:tenant_id/sources/:source",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Create or replace a polled source",
        params: SourceParams,
        body: SourceInput,
        response,
      },
    },
    async ({ params, body }) => {
      const name = nameOf(params);
      const { connector, entity, credentials, enabled = true } = body;
      const definition = asDefinition(body);
      const stored = await database.withTenant(name.tenantId, async (transaction) => {
        // Locks the counter first, so that the connector does not change before the commit.
        const version = await raiseCounter(transaction, "sources");
        const polled = await polledConnector(transaction, connector);
        const kept =
          credentials === undefined
            ? await keptCredentials(transaction, name, { polled, connector, params: definition.params })
            : undefined;
        checkSource(polled, { definition, credentials: credentials ?? kept ?? {} });
        for (const url of urlsOfSource(polled, definition.params)) checkUrl("params", url, refusedTarget);
        return await putSource(transaction, name, {
          connector,
          entity,
          definition,
          enabled,
          version,
          credentials:
            credentials === undefined
              ? "kept"
              : Object.keys(credentials).length === 0
                ? undefined
                : keyRing.seal(JSON.stringify(credentials), credentialsAad(name)),
        });
      });
      return asSource(stored, await stateOf(name));
    },
  );

  server.get(
    "/tenants/:tenant_id/sources/:source",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "A polled source with its settings and its state",
        params: SourceParams,
        response,
      },
    },
    async ({ params }) => {
      const name = nameOf(params);
      const source = await database.withTenant(name.tenantId, (transaction) => findSource(transaction, name));
      if (source === undefined) throw noSource(name);
      return asSource(source, await stateOf(name));
    },
  );

  server.get(
    "/tenants/:tenant_id/sources",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The polled sources of a tenant, by id",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Source)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
      const rows = await database.withTenant(tenantId, (transaction) =>
        listSources(transaction, tenantId, { afterId, limit: limit + 1 }),
      );
      const ids = rows.slice(0, limit).map(({ source }) => source);
      const states = await readSourceStates(tenantId, ids);
      return pageOfRows(
        rows,
        limit,
        (row) => [row.source],
        (row) => asSource(row, states.get(row.source)),
      );
    },
  );

  server.delete(
    "/tenants/:tenant_id/sources/:source",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Delete a polled source with its credentials and the state of its records",
        params: SourceParams,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const name = nameOf(params);
      const found = await database.withTenant(name.tenantId, async (transaction) => {
        await raiseCounter(transaction, "sources");
        await deleteSourceState(transaction, name);
        return await deleteSource(transaction, name);
      });
      if (!found) throw noSource(name);
      return reply.code(204).send(null);
    },
  );
};

function unkept(detail: ErrorDetail, cause?: unknown): HeadraceError {
  const { field, expected, got } = detail;
  return new HeadraceError("unprocessable", `${field}: expected ${expected}, got ${got}`, {
    details: [detail],
    cause,
  });
}

/** Creates the error for a missing source. */
export function noSource({ tenantId, source }: SourceName): HeadraceError {
  return new HeadraceError("not_found", `Tenant ${tenantId} has no source ${source}`);
}

function nameOf(params: { tenant_id: string; source: string }): SourceName {
  return { tenantId: params.tenant_id, source: params.source };
}

async function polledConnector(transaction: Queryable, id: string): Promise<ConnectorSource> {
  const connector = await findConnector(transaction, id);
  if (connector === undefined) throw new HeadraceError("not_found", `There is no connector ${id}`);
  if (connector.source !== undefined) return connector.source as ConnectorSource;
  throw new HeadraceError("unprocessable", `Connector ${id} has no source: it cannot be polled`, {
    details: [{ field: "connector", expected: "a connector with a source", got: "one without" }],
  });
}
