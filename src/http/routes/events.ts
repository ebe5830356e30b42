import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import type { Explanation } from "../../domain/condition/explain.ts";
import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event.ts";
import { EventTooCostly } from "../../domain/event-too-costly.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Database } from "../../postgres/database.ts";
import { type Deployment, listDeploymentsAt } from "../../postgres/deployments.ts";
import { findEvent, listEvents } from "../../postgres/events.ts";
import { listRuns } from "../../postgres/run-list.ts";
import { inTurns, nextTurn } from "../../runtime/turns.ts";
import type { Guards } from "../authenticate.ts";
import { asPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { timelineOf } from "../event-timeline.ts";
import { idAt } from "../instant.ts";
import {
  asEvent,
  asRouting,
  Event,
  EventDetail,
  EventSource,
  EventStatusName,
  type NormalizeInSlices,
} from "../schemas/event.ts";
import { Id, Instant, line, Priority, reference, TenantParams, Uuid } from "../schemas/fields.ts";
import { DEFAULT_LIMIT, MAX_PAGE_BYTES, pageOf, pageQuery } from "../schemas/page.ts";
import { asRun } from "../schemas/run.ts";

/** Flows that are asked why they were started or not; those that were come first. */
const MAX_EXPLAINED_FLOWS = 10_000;

/** Says which flows an event could have started, and why not; the stage that routes is the judge. */
export type ExplainRouting = (
  event: NormalizedEvent,
  deployed: readonly Deployment[],
) => Slices<({ flowId: string; version: number } & Explanation)[]>;

/** Runs that are shown with their event; more flows than this seldom match one event. */
const MAX_SHOWN_RUNS = 1_000;

const tags = ["Events"];

/** Shows the events of a tenant. */
export const eventRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  normalize: NormalizeInSlices;
  explainRouting: ExplainRouting;
}> = async (server, { database, guards, normalize, explainRouting }) => {
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
      const budget = new SliceBudget();
      const items: Static<typeof Event>[] = [];
      for (const event of events) {
        if (budget.spend(event.payload.length)) await nextTurn();
        items.push(asEvent(event, event.status, await inTurns(normalize(event))));
      }
      return asPage(
        events,
        more,
        (event) => [event.id],
        (_event, index) => items[index] as Static<typeof Event>,
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
        const { connector, type = "", flowsCounter: counter, source, endpoint } = stored.event;
        const deployed = await listDeploymentsAt(transaction, {
          ...{ tenantId, counter, connector, type, limit: MAX_EXPLAINED_FLOWS },
          // The flow of a tick is its endpoint.
          first: [...runs.map((run) => run.flowId), ...(source === "schedule" ? [endpoint] : [])],
        });
        return { ...stored, runs, deployed };
      });
      const normalized = await inTurns(normalize(found.event));
      return {
        ...asEvent(found.event, found.verdict.status, normalized),
        timeline: timelineOf(found.event, found.verdict, normalized, found.runs),
        runs: found.runs.map(asRun),
        routing: normalized.kind === "normalized" ? await explain(normalized.event, found.deployed) : [],
      };
    },
  );

  /** Of an event that is too costly to be matched there is nothing to say but its dead letter. */
  async function explain(
    event: NormalizedEvent,
    deployed: readonly Deployment[],
  ): Promise<ReturnType<typeof asRouting>[]> {
    try {
      return (await inTurns(explainRouting(event, deployed))).map((one) => asRouting(one));
    } catch (error) {
      if (error instanceof EventTooCostly) return [];
      throw error;
    }
  }
};
