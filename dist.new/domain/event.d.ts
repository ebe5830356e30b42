import type { EventSource, Priority } from "./priority.ts";
/** An event after normalisation: what triggers are matched against and actions are given. */
export interface NormalizedEvent {
    id: string;
    tenantId: string;
    connector: string;
    endpoint: string;
    /** The provider's own name for what happened; "" where it gives none. */
    type: string;
    source: EventSource;
    priority: Priority;
    subject: string | undefined;
    /** When it happened by the provider's account, else when it was received; RFC 3339 UTC. */
    occurredAt: string;
    receivedAt: string;
    /** SHA-256, hex: the same for the same event, however often it comes. */
    idempotencyKey: string;
    headers: Record<string, string>;
    data: unknown;
    /** The field diff of a synthetic event. */
    changes?: Record<string, {
        from?: unknown;
        to?: unknown;
    }>;
}
