import { DEFAULT_SOURCE, type SourceDefinition } from "../../src/domain/source.ts";
import { putConnector } from "../../src/postgres/access/connectors.ts";
import { raiseCounter } from "../../src/postgres/core/change-counters.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import type { KeyRing } from "../../src/postgres/core/key-ring.ts";
import { credentialsAad, putSource } from "../../src/postgres/sources/sources.ts";
import type { ConnectorSource } from "../../src/synthetic/sources/connector-source.ts";
import { insertTenant } from "./database.ts";

/** Stores a source and its connector, by default `shop` of the tenant `acme`, as the API does. */
export async function insertSource(
  database: Database,
  keyRing: KeyRing,
  given: {
    source?: string;
    tenantId?: string;
    connector?: string;
    connectorSource: ConnectorSource | Record<string, unknown>;
    credentials?: Record<string, string> | "kept";
    definition?: Partial<SourceDefinition>;
    enabled?: boolean;
  },
): Promise<void> {
  const { source = "orders", tenantId = "acme", connector = "shop", credentials, enabled = true } = given;
  await insertTenant(database, tenantId);
  await database.transaction(async (transaction) => {
    const version = await raiseCounter(transaction, "sources");
    const connectorSource = given.connectorSource as Record<string, unknown>;
    const settings = { name: undefined, webhook: undefined, source: connectorSource, sourceVersion: version };
    await putConnector(transaction, connector, settings);
    const name = { tenantId, source };
    await putSource(transaction, name, {
      connector,
      entity: "order",
      definition: {
        ...DEFAULT_SOURCE,
        params: {},
        min_interval_seconds: 30,
        max_interval_seconds: 3_600,
        ...given.definition,
      },
      enabled,
      version,
      credentials:
        credentials === undefined || credentials === "kept"
          ? credentials
          : keyRing.seal(JSON.stringify(credentials), credentialsAad(name)),
    });
  });
}
