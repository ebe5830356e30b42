import type { Queryable } from "./database.ts";
import type { Sealed } from "./key-ring.ts";

export interface EndpointName {
  tenantId: string;
  connector: string;
  endpoint: string;
}

/** What a tenant may send; undefined is no limit. */
export interface TenantLimits {
  eventsPerSecond: number | undefined;
  maxBacklog: number | undefined;
}

/** What the receiver needs of an endpoint and its connector, with the receive counter of the same moment. */
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
        params: Record<string, string>;
        secrets: (Sealed & { id: string; notAfterMs: number | undefined })[];
      }
    | undefined;
}

export async function findReceivingEndpoint(
  database: Queryable,
  name: EndpointName,
): Promise<ReceivingEndpoint> {
  const rows = await database.query<{
    counter: string;
    tenant_id: string | null;
    events_per_second: number | null;
    max_backlog: number | null;
    webhook: unknown;
    enabled: boolean | null;
    account: string | null;
    params: Record<string, string>;
    secret_id: string | null;
    sealed: Buffer;
    key_id: string;
    not_after: Date | null;
  }>({
    name: "find-receiving-endpoint",
    text: `SELECT c.value AS counter, t.id AS tenant_id, t.events_per_second, t.max_backlog, n.webhook,
        e.enabled, e.account, e.params, s.id AS secret_id, s.sealed, s.key_id, s.not_after
      FROM change_counters c
      LEFT JOIN tenants t ON t.id = $1 AND t.deleted_at IS NULL
      LEFT JOIN connectors n ON n.id = $2
      LEFT JOIN endpoints e ON e.tenant_id = t.id AND e.connector = n.id AND e.endpoint = $3
      LEFT JOIN endpoint_secrets s USING (tenant_id, connector, endpoint)
      WHERE c.name = 'receive'
      ORDER BY s.position`,
    values: [name.tenantId, name.connector, name.endpoint],
  });
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

/** What the receiver needs of a connector whose URL serves all accounts. */
export interface ReceivingConnector {
  counter: number;
  /** Undefined or null when it does not exist, or receives no webhooks. */
  webhook: unknown;
  /** Enabled endpoints that have a secret, the last changed first: what names no account is tried with theirs. */
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
  }>({
    name: "find-receiving-connector",
    text: `SELECT c.value AS counter, n.webhook, e.tenant_id, e.endpoint
      FROM change_counters c
      LEFT JOIN connectors n ON n.id = $1
      LEFT JOIN LATERAL (
        SELECT o.tenant_id, o.endpoint FROM endpoints o JOIN tenants t ON t.id = o.tenant_id AND t.deleted_at IS NULL
        WHERE o.connector = n.id AND o.enabled AND EXISTS (SELECT FROM endpoint_secrets s
          WHERE (s.tenant_id, s.connector, s.endpoint) = (o.tenant_id, o.connector, o.endpoint))
        ORDER BY o.updated_at DESC LIMIT $2) e ON true
      WHERE c.name = 'receive'`,
    values: [connector, maxEndpoints],
  });
  return {
    counter: Number(rows[0]?.counter),
    webhook: rows[0]?.webhook,
    endpoints: rows.flatMap(({ tenant_id: tenantId, endpoint }) =>
      tenantId === null ? [] : { tenantId, connector, endpoint },
    ),
  };
}

/** The endpoint of a connector that takes an account's deliveries, with the receive counter of the same moment. */
export async function findEndpointOfAccount(
  database: Queryable,
  connector: string,
  account: string,
): Promise<{ counter: number; name: EndpointName | undefined }> {
  const [row] = await database.query<{
    counter: string;
    tenant_id: string | null;
    endpoint: string;
  }>({
    name: "find-endpoint-of-account",
    text: `SELECT c.value AS counter, e.tenant_id, e.endpoint
      FROM change_counters c
      LEFT JOIN endpoints e ON e.connector = $1 AND e.account = $2
      WHERE c.name = 'receive'`,
    values: [connector, account],
  });
  const tenantId = row?.tenant_id ?? undefined;
  return {
    counter: Number(row?.counter),
    name:
      row === undefined || tenantId === undefined
        ? undefined
        : { tenantId, connector, endpoint: row.endpoint },
  };
}
