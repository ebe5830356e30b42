import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { type Static, Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import { EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { type Normalized, normalizeInSlices } from "../../domain/event/normalize.ts";
import { stringifySlices } from "../../domain/json/stringify-slices.ts";
import { type Wanted, wantedPaths } from "../../domain/json/wanted.ts";
import { explainRouting } from "../../domain/matching/explain-routing.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Database } from "../../postgres/core/database.ts";
import { findEvent, listEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { type Deployment, listDeploymentsAt } from "../../postgres/flows/deployments.ts";
import { listRunsOfEvent } from "../../postgres/runs/list.ts";
import { inTurns, nextTurn } from "../../runtime/turns.ts";
import type { Guards } from "../access/authenticate.ts";
import { asFoundPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Instant, line, Priority, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, foundPageOf, MAX_PAGE_BYTES, pageQuery } from "../page-schema.ts";
import { asRun } from "../runs/run-schema.ts";
import { JSON_TEXT_BYTES, JsonText, sendWithTexts } from "../server/json-text.ts";
import { asEvent, asRouting, Event, EventDetail, EventSource, EventStatusName } from "./event-schema.ts";
import { timelineOf } from "./event-timeline.ts";

/** Flows per event whose routing is explained. Started flows come first. */
const MAX_EXPLAINED_FLOWS = 10_000;

/** Runs shown with their event. Few events start more flows. */
const MAX_SHOWN_RUNS = 1_000;

const tags = ["Events"];

/** For a list it only matters whether a large body is readable: no values are read. */
const NOTHING = wantedPaths([]);

/** Normalizes an event for a response. Returns its data as JSON text if it is large. */
function* readToShow(
  event: StoredEvent,
  wanted: Wanted | undefined,
): Slices<{ normalized: Normalized; text: JsonText | undefined }> {
  const isSmall = event.payload.length <= JSON_TEXT_BYTES;
  const normalized = yield* normalizeInSlices(event, wanted);
  if (isSmall || normalized.kind === "unreadable") return { normalized, text: undefined };
  const bytes = normalized.json ?? Buffer.from(yield* stringifySlices(normalized.event.data));
  return { normalized, text: new JsonText(bytes) };
}

/** Routes that show the events of a tenant. */
export const eventRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
}> = async (server, { database, guards }) => {
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
          q: Type.Optional({ ...line(200), description: "Text in the type or the subject, in any case." }),
        }),
        response: { 200: foundPageOf(reference(Event)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query }, reply) => {
      const { connector, type, source, status, priority, since, until, q: contains } = query;
      const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
      const found = await database.withTenant(tenantId, (transaction) =>
        listEvents(transaction, {
          tenantId,
          connector,
          type,
          source,
          status,
          priority,
          contains,
          beforeId,
          sinceId: idAt(since),
          untilId: idAt(until),
          limit: query.limit ?? DEFAULT_LIMIT,
          maxBytes: MAX_PAGE_BYTES,
        }),
      );
      const budget = new SliceBudget();
      const items: Static<typeof Event>[] = [];
      const texts: JsonText[] = [];
      for (const event of found.rows) {
        const { normalized, text } = await inTurns(readToShow(event, NOTHING));
        if (budget.spend(event.payload.length)) await nextTurn();
        if (text !== undefined) texts.push(text);
        items.push(asEvent(event, event.status, normalized, text));
      }
      const page = asFoundPage(found, (_event, index) => items[index]);
      return sendWithTexts(reply, page, texts);
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
    async ({ params: { tenant_id: tenantId, id } }, reply) => {
      const found = await database.withTenant(tenantId, async (transaction) => {
        const stored = await findEvent(transaction, tenantId, id);
        if (stored === undefined) throw new HeadraceError("not_found", `There is no event ${id}`);
        const runs = await listRunsOfEvent(transaction, {
          tenantId,
          eventId: stored.event.id,
          flowId: undefined,
          state: undefined,
          sinceId: undefined,
          beforeId: undefined,
          limit: MAX_SHOWN_RUNS,
        });
        const { connector, type = "", flowsCounter: counter, source, endpoint } = stored.event;
        const deployed = await listDeploymentsAt(transaction, {
          tenantId,
          counter,
          connector,
          type,
          limit: MAX_EXPLAINED_FLOWS,
          // The endpoint of a tick event is the id of its flow.
          first: [...runs.map((run) => run.flowId), ...(source === "schedule" ? [endpoint] : [])],
        });
        return { ...stored, runs, deployed };
      });
      const { normalized, text } = await inTurns(readToShow(found.event, undefined));
      const answer = {
        ...asEvent(found.event, found.verdict.status, normalized, text),
        timeline: timelineOf(found.event, found.verdict, normalized, found.runs),
        runs: found.runs.map(asRun),
        routing:
          normalized.kind === "normalized" && found.event.erasedAt === undefined
            ? await explain(normalized.event, found.deployed)
            : [],
      };
      return sendWithTexts(reply, answer, text === undefined ? [] : [text]);
    },
  );

  /** Explains the routing of an event. An event that was too costly to match has none. */
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
