import type { RunAttempt } from "../flow/flow-run.ts";
import { type Placeholder, secretNameOf } from "./parse.ts";

/** The values that placeholders can take, by the roots of `parse.ts`. */
export type Scope = Readonly<Record<"event" | "flow" | "run" | "secret" | "tenant", unknown>>;

/** Returns the scope of one attempt at a run. */
export function scopeOf(run: RunAttempt): Scope {
  const { event } = run;
  return {
    event: {
      id: event.id,
      type: event.type,
      subject: event.subject,
      source: event.source,
      priority: event.priority,
      connector: event.connector,
      endpoint: event.endpoint,
      occurred_at: event.occurredAt,
      received_at: event.receivedAt,
      idempotency_key: event.idempotencyKey,
      data: event.data,
      headers: event.headers,
      changes: event.changes,
    },
    flow: { id: run.flowId, version: run.flowVersion },
    run: { id: run.runId, attempt: run.attempt, idempotency_key: run.idempotencyKey },
    secret: run.secrets,
    tenant: { id: run.tenantId },
  };
}

/** Returns the value of a placeholder; undefined if missing. Only own properties and array elements are reachable. */
export function valueAt(placeholder: Placeholder, scope: Scope): unknown {
  const secret = secretNameOf(placeholder);
  const keys = secret === undefined ? placeholder.keys : ["secret", secret];
  return keys.reduce<unknown>((value, key) => own(value, key), scope);
}

function own(value: unknown, key: string): unknown {
  if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return undefined;
  if (Array.isArray(value) && !/^\d+$/.test(key)) return undefined;
  return (value as Record<string, unknown>)[key];
}
