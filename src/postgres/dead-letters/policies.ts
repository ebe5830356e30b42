import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import type { DeadLetterStage } from "./dead-letters.ts";

/** Whose policy it is where a tenant has none of its own. */
export const EVERY_TENANT = "*";

/** What is done with dead letters. */
export interface DlqPolicy {
  auto_replay: {
    enabled: boolean;
    max_replays?: number;
    backoff?: "exponential" | "fixed";
    only?: { stage?: DeadLetterStage; fingerprint?: string; flow?: string };
  };
  retention_days: number;
  /** What becomes of events that meet no trigger. */
  unmatched: "dlq" | "drop";
  alert?: { depth?: number; oldest_seconds?: number; webhook_url?: string };
}

/** What holds where nobody said anything. */
export const DEFAULT_POLICY: DlqPolicy = {
  auto_replay: { enabled: false },
  retention_days: 30,
  unmatched: "dlq",
};

/** Stores the policy of a tenant, or of `EVERY_TENANT`, in place of the one before. */
export async function putPolicy(transaction: Queryable, tenantId: string, policy: DlqPolicy): Promise<void> {
  await transaction.query(sql`INSERT INTO dlq_policies (tenant_id, unmatched, definition) VALUES (${tenantId}, ${policy.unmatched}, ${JSON.stringify(policy)})
      ON CONFLICT (tenant_id) DO UPDATE SET unmatched = excluded.unmatched, definition = excluded.definition,
        updated_at = now()`);
}

/** The policy that was stored for exactly this tenant, or `EVERY_TENANT`. */
export async function findPolicy(transaction: Queryable, tenantId: string): Promise<DlqPolicy | undefined> {
  const [row] = await transaction.query<{ definition: Partial<DlqPolicy> }>(
    sql`SELECT definition FROM dlq_policies WHERE tenant_id = ${tenantId}`,
  );
  return row === undefined ? undefined : { ...DEFAULT_POLICY, ...row.definition };
}

/** The thresholds of every policy, by tenant, `EVERY_TENANT` among them; undefined where a policy has none. */
export async function readAlertPolicies(database: Queryable): Promise<Map<string, DlqPolicy["alert"]>> {
  const rows = await database.query<{ tenant_id: string; alert: DlqPolicy["alert"] | null }>(
    prepared("read-alert-policies", sql`SELECT tenant_id, definition -> 'alert' AS alert FROM dlq_policies`),
  );
  return new Map(rows.map((row) => [row.tenant_id, row.alert ?? undefined]));
}
