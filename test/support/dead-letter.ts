import type { Database, Queryable } from "../../src/postgres/core/database.ts";

/** Inserts dead letters of a tenant, and returns their ids, oldest first. */
export async function insertDeadLetters(
  database: Database,
  letters: {
    tenantId: string;
    count?: number;
    stage?: "normalize" | "route" | "execute";
    fingerprint?: string;
    flowId?: string;
    connector?: string;
    payload?: string;
    errorMessage?: string;
    daysAgo?: number;
  },
): Promise<string[]> {
  const { tenantId, count = 1, stage = "execute", fingerprint = "f", daysAgo = 0 } = letters;
  const rows = await database.pipeline.query<{ id: string }>({
    text: `INSERT INTO dead_letters (tenant_id, connector, endpoint, event_id, flow_id, stage, event_payload, headers,
        error_message, error_context, fingerprint, created_at)
      SELECT $1, $2, 'default', uuid7(clock_us()), $3, $4, $5, '{"a":"b"}', $6, '{}', $7,
        now() - $8::float8 * interval '1 day' + i * interval '1 microsecond'
      FROM generate_series(1, $9::int) AS i RETURNING id`,
    values: [
      tenantId,
      letters.connector ?? "shop",
      letters.flowId ?? null,
      stage,
      Buffer.from(letters.payload ?? "{}"),
      letters.errorMessage ?? "It failed",
      fingerprint,
      daysAgo,
      count,
    ],
  });
  return rows.map((row) => row.id);
}

/** Counts the dead letters of a tenant by status. */
export async function countByStatus(
  database: Queryable,
  tenantId: string,
): Promise<Partial<Record<"pending" | "replayed" | "expired", number>>> {
  const rows = await database.query<{ status: string; count: number }>({
    text: "SELECT status, count(*)::int AS count FROM dead_letters WHERE tenant_id = $1 GROUP BY status",
    values: [tenantId],
  });
  return Object.fromEntries(rows.map((row) => [row.status, row.count]));
}
