import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import type { DeadLetterStage } from "./dead-letters.ts";

/** The owner of the policy that applies to tenants without their own. */
export const EVERY_TENANT = "*";

/** The handling of dead letters. */
export interface DlqPolicy {
  auto_replay: {
    enabled: boolean;
    max_replays?: number;
    backoff?: "exponential" | "fixed";
    only?: { stage?: DeadLetterStage; fingerprint?: string; flow?: string };
  };
  retention_days: number;
  /** The handling of events that match no trigger. */
  unmatched: "dlq" | "drop";
  alert?: { depth?: number; oldest_seconds?: number; webhook_url?: string };
}

/** The policy where none is stored. */
export const DEFAULT_POLICY: DlqPolicy = {
  auto_replay: { enabled: false },
  retention_days: 30,
  unmatched: "dlq",
};

/** Stores the policy of a tenant, or of `EVERY_TENANT`; replaces the previous one. */
export async function putPolicy(transaction: Queryable, tenantId: string, policy: DlqPolicy): Promise<void> {
  await transaction.query(sql`INSERT INTO dlq_policies (tenant_id, unmatched, definition)
    VALUES (${tenantId}, ${policy.unmatched}, ${JSON.stringify(policy)})
      ON CONFLICT (tenant_id) DO UPDATE SET unmatched = excluded.unmatched, definition = excluded.definition,
        updated_at = now()`);
}

/** Finds the policy of exactly this tenant, or of `EVERY_TENANT`. */
export async function findPolicy(transaction: Queryable, tenantId: string): Promise<DlqPolicy | undefined> {
  const [row] = await transaction.query<{ definition: Partial<DlqPolicy> }>(
    sql`SELECT definition FROM dlq_policies WHERE tenant_id = ${tenantId}`,
  );
  return row === undefined ? undefined : { ...DEFAULT_POLICY, ...row.definition };
}

/**
 * Reads the alert thresholds of every policy, by tenant, including `EVERY_TENANT`; undefined where a policy has none.
 */
export async function readAlertPolicies(database: Queryable): Promise<Map<string, DlqPolicy["alert"]>> {
  const rows = await database.query<{ tenant_id: string; alert: DlqPolicy["alert"] | null }>(
    prepared("read-alert-policies", sql`SELECT tenant_id, definition -> 'alert' AS alert FROM dlq_policies`),
  );
  return new Map(rows.map((row) => [row.tenant_id, row.alert ?? undefined]));
}
