import { randomUUID } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import { priorityOf } from "../../domain/priority.ts";
import type { Acceptor } from "../../pipeline/receive/acceptor.ts";
import type { NewEvent } from "../../postgres/accept.ts";
import type { Database } from "../../postgres/database.ts";
import { findEvent, listEvents } from "../../postgres/events.ts";
import { listRuns } from "../../postgres/run-list.ts";
import type { Guards } from "../authenticate.ts";
import { asPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { timelineOf } from "../event-timeline.ts";
import { idAt } from "../instant.ts";
import {
  asEvent,
  Event,
  EventDetail,
  EventInput,
  EventSource,
  EventStatusName,
  type Normalize,
} from "../schemas/event.ts";
import { Id, Instant, line, Priority, reference, TenantParams, Uuid } from "../schemas/fields.ts";
import { DEFAULT_LIMIT, MAX_PAGE_BYTES, pageOf, pageQuery } from "../schemas/page.ts";
import { asRun } from "../schemas/run.ts";

/** Events in one POST. */
const MAX_EVENTS = 1_000;

/** The body of a POST of events, bytes. */
const MAX_EVENTS_BYTES = 5_242_880;

/** How long an idempotency key counts, ms. */
const KEY_WINDOW_MS = 72 * 3_600_000;

/** How often events are handed in that were not committed through no fault of theirs. */
const MAX_TRIES = 5;

/** Runs that are shown with their event; more flows than this seldom match one event. */
const MAX_SHOWN_RUNS = 1_000;

const tags = ["Events"];

export const eventRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  acceptor: Acceptor;
  normalize: Normalize;
}> = async (server, { database, guards, acceptor, normalize }) => {
  server.post(
    "/tenants/:tenant_id/events",
    {
      onRequest: guards.tenant("write"),
      bodyLimit: MAX_EVENTS_BYTES,
      schema: {
        tags,
        summary:
          "Accept an event, or up to 1,000: all or none; the same idempotency key gives the same event id",
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
      const events = inputs.map((input) => asNewEvent(params.tenant_id, input, randomUUID()));
      const ids = await accept(events);
      return reply.code(202).send(Array.isArray(body) ? { event_ids: ids } : { event_id: ids[0] as string });
    },
  );

  async function accept(events: NewEvent[]): Promise<string[]> {
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      const answer = await acceptor.accept({ events });
      if (answer.kind === "accepted") return answer.events.map((event) => event.eventId);
      // They shared a transaction with a delivery that has to be verified again.
    }
    throw new HeadraceError("store_unavailable", `Connectors changed ${MAX_TRIES} times meanwhile`);
  }

  server.get(
    "/tenants/:tenant_id/events",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The events of a tenant, newest first",
        params: TenantParams,
        querystring: pageQuery({
          connector: Type.Optional(Id),
          type: Type.Optional(line(200)),
          source: Type.Optional(EventSource),
          status: Type.Optional(EventStatusName),
          priority: Type.Optional(Priority),
          since: Type.Optional(Instant),
          until: Type.Optional(Instant),
          q: Type.Optional({ ...line(200), description: "Stands in the type or the subject, in any case." }),
        }),
        response: { 200: pageOf(reference(Event)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query }) => {
      const { connector, type, source, status, priority, since, until, q: contains } = query;
      const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
      const { events, more } = await database.withTenant(tenantId, (transaction) =>
        listEvents(transaction, {
          ...{ tenantId, connector, type, source, status, priority, contains, beforeId },
          sinceId: idAt(since),
          untilId: idAt(until),
          limit: query.limit ?? DEFAULT_LIMIT,
          maxBytes: MAX_PAGE_BYTES,
        }),
      );
      return asPage(
        events,
        more,
        (event) => [event.id],
        (event) => asEvent(event, event.status, normalize(event)),
      );
    },
  );

  server.get(
    "/tenants/:tenant_id/events/:id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "An event with its timeline and its runs",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        response: { 200: reference(EventDetail), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id } }) => {
      const found = await database.withTenant(tenantId, async (transaction) => {
        const stored = await findEvent(transaction, tenantId, id);
        if (stored === undefined) throw new HeadraceError("not_found", `There is no event ${id}`);
        const runs = await listRuns(transaction, {
          ...{ tenantId, eventId: stored.event.id, flowId: undefined, state: undefined },
          ...{ sinceId: undefined, beforeId: undefined, limit: MAX_SHOWN_RUNS },
        });
        return { ...stored, runs };
      });
      const normalized = normalize(found.event);
      return {
        ...asEvent(found.event, found.verdict.status, normalized),
        timeline: timelineOf(found.event, found.verdict, normalized, found.runs),
        runs: found.runs.map(asRun),
      };
    },
  );
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
    payload: Buffer.from(JSON.stringify(data)),
    keys: key === undefined ? [] : [{ key, windowMs: KEY_WINDOW_MS }],
  };
}
