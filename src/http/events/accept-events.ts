import { randomUUID } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import { priorityOf } from "../../domain/priority.ts";
import type { Acceptor } from "../../pipeline/receive/acceptor.ts";
import type { TakeQuota } from "../../pipeline/receive/receiver.ts";
import { findTenant } from "../../postgres/access/tenants.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { TenantParams, Uuid } from "../field-schemas.ts";
import { EventInput } from "./event-schema.ts";

/** Events per POST. */
const MAX_EVENTS = 1_000;

/** Largest body of a POST of events, bytes. */
export const MAX_EVENTS_BYTES = 5_242_880;

/** Lifetime of an idempotency key, ms. */
const KEY_WINDOW_MS = 72 * 3_600_000;

/** How often events are submitted before the call fails, if other deliveries cause their transaction to roll back. */
const MAX_TRIES = 5;

/** Route that accepts events from a tenant's own programs. It responds after the commit. */
export const acceptEventsRoute: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  acceptor: Acceptor;
  takeQuota: TakeQuota;
}> = async (server, { database, guards, acceptor, takeQuota }) => {
  server.post(
    "/tenants/:tenant_id/events",
    {
      onRequest: guards.tenant("write"),
      config: { waits: true, exact: ["data"] },
      bodyLimit: MAX_EVENTS_BYTES,
      schema: {
        tags: ["Events"],
        summary:
          "Accept an event, or up to 1,000, all or none; an equal idempotency key returns the same event id",
        params: TenantParams,
        body: Type.Union([EventInput, Type.Array(EventInput, { minItems: 1, maxItems: MAX_EVENTS })], {
          description: "an event, or an array of 1 to 1000 events",
        }),
        response: {
          202: Type.Union([Type.Object({ event_id: Uuid }), Type.Object({ event_ids: Type.Array(Uuid) })]),
          ...ERROR_RESPONSES,
        },
      },
    },
    async ({ params, body }, reply) => {
      const inputs = Array.isArray(body) ? body : [body];
      const tenant = await database.withTenant(params.tenant_id, (transaction) =>
        findTenant(transaction, params.tenant_id),
      );
      const waitMs = tenant === undefined ? 0 : await takeQuota(tenant.id, tenant, inputs.length);
      if (waitMs > 0) {
        reply.header("retry-after", Math.ceil(waitMs / 1_000));
        throw new HeadraceError("rate_limited", `Tenant ${params.tenant_id} exceeds its limits`);
      }
      const events = inputs.map((input) => asNewEvent(params.tenant_id, input, randomUUID()));
      const ids = await accept(events);
      return reply.code(202).send(Array.isArray(body) ? { event_ids: ids } : { event_id: ids[0] as string });
    },
  );

  async function accept(events: NewEvent[]): Promise<string[]> {
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      const answer = await acceptor.accept({ events });
      if (answer.kind === "accepted") return answer.events.map((event) => event.eventId);
      // The events shared a transaction with a delivery that must be verified again.
    }
    throw new HeadraceError("store_unavailable", `Connectors changed ${MAX_TRIES} times during this call`);
  }
};

function asNewEvent(tenantId: string, input: Static<typeof EventInput>, randomId: string): NewEvent {
  const { connector = "api", type, data, subject, occurred_at, idempotency_key, priority } = input;
  const key = idempotency_key === undefined ? undefined : `key:${idempotency_key}`;
  return {
    tenantId,
    connector,
    endpoint: "default",
    type,
    source: "api",
    priority: priority ?? priorityOf("api"),
    subject,
    occurredAtMs: occurred_at === undefined ? undefined : Date.parse(occurred_at),
    deliveryKey: key ?? `random:${randomId}`,
    item: 0,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from(writeJson(data)),
    keys: key === undefined ? [] : [{ key, windowMs: KEY_WINDOW_MS }],
  };
}
