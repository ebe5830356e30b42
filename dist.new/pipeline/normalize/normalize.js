import { parseBody } from "../../domain/body.js";
import { idempotencyKey } from "../../domain/idempotency-key.js";
/** Makes the one shape that every event has from the bytes that were accepted. Pure: twice gives the same. */
export function normalize(stored) {
    const body = parseBody({ contentType: stored.contentType, body: stored.payload });
    if (body.kind === "unreadable")
        return body;
    return {
        kind: "normalized",
        event: {
            id: stored.id,
            tenantId: stored.tenantId,
            connector: stored.connector,
            endpoint: stored.endpoint,
            type: stored.type ?? "",
            source: stored.source,
            priority: stored.priority,
            subject: stored.subject,
            occurredAt: new Date(stored.occurredAtMs ?? stored.receivedAtMs).toISOString(),
            receivedAt: new Date(stored.receivedAtMs).toISOString(),
            idempotencyKey: idempotencyKey(stored),
            headers: stored.headers,
            data: body.data,
        },
    };
}
//# sourceMappingURL=normalize.js.map