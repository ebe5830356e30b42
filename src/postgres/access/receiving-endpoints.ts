import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";
import { rowInput } from "../core/row-input.ts";
import { prepared, sql } from "../core/sql.ts";

export interface EndpointName {
  tenantId: string;
  connector: string;
  endpoint: string;
}

/** A tenant's limits; undefined is no limit. */
export interface TenantLimits {
  eventsPerSecond: number | undefined;
  maxBacklog: number | undefined;
}

/** An endpoint and its connector as the receiver needs them, with the receive counter read in the same statement. */
export interface ReceivingEndpoint {
  counter: number;
  /** Undefined when the tenant does not exist, or was deleted. */
  tenant: TenantLimits | undefined;
  /** The connector's; undefined or null when it does not exist, or receives no webhooks. */
  webhook: unknown;
  /** Undefined when the tenant, the connector or the endpoint does not exist. */
  endpoint:
    | {
        enabled: boolean;
        account: string | undefined;
        params: Record<string, string | number | boolean>;
        secrets: (Sealed & { id: string; notAfterMs: number | undefined })[];
      }
    | undefined;
}

/** Finds endpoints for the receiver, in the order of the names. */
export async function findReceivingEndpoints(
  database: Queryable,
  names: readonly EndpointName[],
): Promise<ReceivingEndpoint[]> {
  const rows = await database.query<ReceivingRow>(
    prepared(
      "find-receiving-endpoints",
      sql`SELECT w.ordinal::int AS ordinal, c.value AS counter, t.id AS tenant_id, t.events_per_second, t.max_backlog,
        n.webhook, e.enabled, e.account, e.params, s.id AS secret_id, s.sealed, s.key_id, s.not_after
      FROM ${endpointRows(names).from("w", "ordinal")}
      JOIN change_counters c ON c.name = 'receive'
      LEFT JOIN tenants t ON t.id = w.tenant_id AND t.deleted_at IS NULL
      LEFT JOIN connectors n ON n.id = w.connector
      LEFT JOIN endpoints e ON e.tenant_id = t.id AND e.connector = n.id AND e.endpoint = w.endpoint
      LEFT JOIN endpoint_secrets s ON (s.tenant_id, s.connector, s.endpoint) = (e.tenant_id, e.connector, e.endpoint)
      ORDER BY w.ordinal, s.position`,
    ),
  );
  const rowsOf = names.map((): ReceivingRow[] => []);
  for (const row of rows) rowsOf[row.ordinal - 1]?.push(row);
  return rowsOf.map(asReceivingEndpoint);
}

const endpointRows = rowInput<EndpointName>([
  ["tenant_id", "text", (name) => name.tenantId],
  ["connector", "text", (name) => name.connector],
  ["endpoint", "text", (name) => name.endpoint],
]);

interface ReceivingRow {
  ordinal: number;
  counter: string;
  tenant_id: string | null;
  events_per_second: number | null;
  max_backlog: number | null;
  webhook: unknown;
  enabled: boolean | null;
  account: string | null;
  params: Record<string, string | number | boolean>;
  secret_id: string | null;
  sealed: Buffer;
  key_id: string;
  not_after: Date | null;
}

function asReceivingEndpoint(rows: readonly ReceivingRow[]): ReceivingEndpoint {
  const [first] = rows;
  const counter = Number(first?.counter);
  if (first === undefined) return { counter, tenant: undefined, webhook: undefined, endpoint: undefined };
  return {
    counter,
    tenant:
      first.tenant_id === null
        ? undefined
        : {
            eventsPerSecond: first.events_per_second ?? undefined,
            maxBacklog: first.max_backlog ?? undefined,
          },
    webhook: first.webhook,
    endpoint:
      first.enabled === null
        ? undefined
        : {
            enabled: first.enabled,
            account: first.account ?? undefined,
            params: first.params,
            secrets: rows.flatMap((row) =>
              row.secret_id === null
                ? []
                : {
                    id: row.secret_id,
                    sealed: row.sealed,
                    keyId: row.key_id,
                    notAfterMs: row.not_after?.getTime(),
                  },
            ),
          },
  };
}

/** A connector whose URL serves all accounts, as the receiver needs it. */
export interface ReceivingConnector {
  counter: number;
  /** Undefined or null when it does not exist, or receives no webhooks. */
  webhook: unknown;
  /**
   * Enabled endpoints that have a secret, the last changed first, and each tenant's first before any tenant's second:
   * candidates for deliveries that name no account.
   */
  endpoints: EndpointName[];
}

export async function findReceivingConnector(
  database: Queryable,
  connector: string,
  maxEndpoints: number,
): Promise<ReceivingConnector> {
  const rows = await database.query<{
    counter: string;
    webhook: unknown;
    tenant_id: string | null;
    endpoint: string;
  }>(
    prepared(
      "find-receiving-connector",
      sql`SELECT c.value AS counter, n.webhook, e.tenant_id, e.endpoint
      FROM change_counters c
      LEFT JOIN connectors n ON n.id = ${connector}
      LEFT JOIN LATERAL (
        SELECT o.tenant_id, o.endpoint, o.updated_at,
            row_number() OVER (PARTITION BY o.tenant_id ORDER BY o.updated_at DESC) AS of_tenant
          FROM endpoints o JOIN tenants t ON t.id = o.tenant_id AND t.deleted_at IS NULL
          WHERE o.connector = n.id AND o.enabled AND EXISTS (SELECT FROM endpoint_secrets s
            WHERE (s.tenant_id, s.connector, s.endpoint) = (o.tenant_id, o.connector, o.endpoint))
          ORDER BY of_tenant, o.updated_at DESC LIMIT ${maxEndpoints}) e ON true
      WHERE c.name = 'receive'`,
    ),
  );
  return {
    counter: Number(rows[0]?.counter),
    webhook: rows[0]?.webhook,
    endpoints: rows.flatMap(({ tenant_id: tenantId, endpoint }) =>
      tenantId === null ? [] : { tenantId, connector, endpoint },
    ),
  };
}

/** An account at a provider, as a connector's deliveries name it. */
export interface ConnectorAccount {
  connector: string;
  account: string;
}

/**
 * Finds the endpoints that name each account, at most `maxEndpoints` each, in the order of the accounts, with the
 * receive counter read in the same statement. Enabled ones come first, and the oldest of each tenant before any
 * tenant's second, so that a tenant with many endpoints displaces no other.
 */
export async function findEndpointsOfAccounts(
  database: Queryable,
  accounts: readonly ConnectorAccount[],
  maxEndpoints: number,
): Promise<{ counter: number; names: EndpointName[] }[]> {
  const rows = await database.query<{
    ordinal: number;
    counter: string;
    tenant_id: string | null;
    endpoint: string;
  }>(
    prepared(
      "find-endpoints-of-accounts",
      sql`SELECT w.ordinal::int AS ordinal, c.value AS counter, e.tenant_id, e.endpoint
      FROM ${accountRows(accounts).from("w", "ordinal")}
      JOIN change_counters c ON c.name = 'receive'
      LEFT JOIN LATERAL (
        SELECT o.*, row_number() OVER (ORDER BY enabled DESC, of_tenant, created_at, tenant_id) AS rank FROM (
          SELECT p.tenant_id, p.endpoint, p.enabled, p.created_at, row_number() OVER (
              PARTITION BY p.tenant_id, p.enabled ORDER BY p.created_at, p.endpoint) AS of_tenant
            FROM endpoints p JOIN tenants t ON t.id = p.tenant_id AND t.deleted_at IS NULL
            WHERE p.connector = w.connector AND p.account = w.account) o
        ORDER BY rank LIMIT ${maxEndpoints}) e ON true
      ORDER BY w.ordinal, e.rank`,
    ),
  );
  const found = accounts.map(() => ({ counter: Number(rows[0]?.counter), names: [] as EndpointName[] }));
  for (const { ordinal, tenant_id: tenantId, endpoint } of rows) {
    const { connector } = accounts[ordinal - 1] as ConnectorAccount;
    if (tenantId !== null) found[ordinal - 1]?.names.push({ tenantId, connector, endpoint });
  }
  return found;
}

const accountRows = rowInput<ConnectorAccount>([
  ["connector", "text", ({ connector }) => connector],
  ["account", "text", ({ account }) => account],
]);
