import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";

/** A webhook's event of a connector whose records are polled as well. */
export interface WebhookEvent {
  id: string;
  type: string;
  receivedAtMs: number;
  contentType: string | undefined;
  payload: Buffer;
}

/** Lists the webhook events of a connector after an id, of these types, the oldest first, without the ids `except`. */
export async function listWebhookEvents(
  database: Queryable,
  of: {
    tenantId: string;
    connector: string;
    types: readonly string[];
    after: string;
    except: readonly string[];
    limit: number;
  },
): Promise<WebhookEvent[]> {
  const rows = await database.query<{
    id: string;
    type: string;
    received_at: Date;
    content_type: string | null;
    payload: Buffer;
  }>(
    prepared(
      "list-webhook-events",
      sql`SELECT id, type, received_at, content_type, payload FROM events
      WHERE tenant_id = ${of.tenantId} AND id > ${of.after} AND connector = ${of.connector} AND source = 'webhook'
        AND type = ANY (${of.types})
        AND id <> ALL (${of.except}::uuid[])
      ORDER BY id LIMIT ${of.limit}`,
    ),
  );
  return rows.map((row) => ({
    id: row.id,
    type: row.type,
    receivedAtMs: row.received_at.getTime(),
    contentType: row.content_type ?? undefined,
    payload: row.payload,
  }));
}
