import { type Static, Type } from "typebox";
import type { StoredConnector } from "../../postgres/access/connectors.ts";
import { closed, DisplayName, Id, Instant } from "../field-schemas.ts";
import { ConnectorSourceInput } from "../sources/connector-source-schema.ts";

/** Params of a preset. The preset determines their names. */
export const Params = Type.Record(
  Type.String({ maxLength: 100 }),
  Type.Union([Type.String({ maxLength: 1000 }), Type.Number(), Type.Boolean()]),
  { maxProperties: 32, description: "an object of at most 32 strings, numbers and booleans" },
);

const webhook = Type.Union(
  [
    Type.Object(
      { preset: Type.String({ minLength: 1, maxLength: 100 }), params: Type.Optional(Params) },
      closed,
    ),
    Type.Object(
      { scheme: Type.Record(Type.String(), Type.Unknown(), { description: "a webhook scheme" }) },
      closed,
    ),
  ],
  { description: "{ preset, params? } or { scheme }" },
);

const settings = {
  name: Type.Optional(DisplayName),
  webhook: Type.Optional(webhook),
  source: Type.Optional(ConnectorSourceInput),
};

/** The body of a PUT of a connector. */
export const ConnectorInput = Type.Object(settings, closed);

/** A connector in responses. */
export const Connector = Type.Object(
  { id: Id, ...settings, created_at: Instant, updated_at: Instant },
  { $id: "Connector" },
);

/** The path parameters of a connector. */
export const ConnectorParams = Type.Object({ connector: Id });

/** Converts a stored connector to its API form. */
export function asConnector(connector: StoredConnector): Static<typeof Connector> {
  const { name, webhook, source } = connector;
  return {
    id: connector.id,
    ...(name !== undefined && { name }),
    ...(webhook !== undefined && { webhook: webhook as Static<typeof Connector>["webhook"] & {} }),
    ...(source !== undefined && { source: source as Static<typeof ConnectorSourceInput> }),
    created_at: connector.createdAt.toISOString(),
    updated_at: connector.updatedAt.toISOString(),
  };
}
