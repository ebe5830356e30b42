import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { readCondition } from "../../domain/condition/read.ts";
import { EventTooCostly } from "../../domain/event/event-too-costly.ts";
import { normalizeInSlices } from "../../domain/event/normalize.ts";
import { createFlowMatcher, type FlowMatcher } from "../../domain/matching/flow-matcher.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Database } from "../../postgres/core/database.ts";
import { listEvents, type StoredEvent } from "../../postgres/events/events.ts";
import { findFlow } from "../../postgres/flows/flows.ts";
import { uuid7Ms } from "../../postgres/schema/partitions.ts";
import { inTurns, nextTurn } from "../../runtime/turns.ts";
import type { Guards } from "../access/authenticate.ts";
import { readCursor, writeCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { closed, Instant, nullable, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { FlowParams } from "./flow-schema.ts";
import { noFlow } from "./flows.ts";

/** Events checked per call: the maximum, and the default. */
const MAX_SCANNED = 10_000;
const DEFAULT_LAST = 1_000;
/** Matches in the response. All of them are counted. */
const MAX_SHOWN = 100;
/** Events per statement, and the total size of their payloads, bytes. */
const PAGE = 250;
const PAGE_BYTES = 8_388_608;
/** Time after which a call stops, ms. */
const MAX_MS = 10_000;

/** Route that finds past events that would have started a flow, before it is deployed. It starts nothing. */
export const flowTestRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
}> = async (server, { database, guards }) => {
  server.post(
    "/tenants/:tenant_id/flows/:flow/test",
    {
      onRequest: guards.tenant("read"),
      config: { exact: ["where"] },
      schema: {
        tags: ["Flows"],
        summary: "Test a flow's trigger, or another condition in its place, on past events, newest first",
        params: FlowParams,
        body: Type.Object(
          {
            where: Type.Optional(Type.Unknown({ description: "A condition instead of the flow's own." })),
            last: Type.Optional(
              Type.Integer({ minimum: 1, maximum: MAX_SCANNED, description: "how many events, 1 to 10000" }),
            ),
            since: Type.Optional(Instant),
            cursor: Type.Optional(Type.String({ maxLength: 1_000 })),
          },
          { ...closed, description: "{ where?, last? or since?, cursor? }" },
        ),
        response: {
          200: Type.Object({
            scanned: Type.Integer(),
            matched: Type.Integer(),
            unreadable: Type.Integer({ description: "Events with a body that cannot be normalised." }),
            too_costly: Type.Integer({
              description:
                "Events that exceed the work allowed for matching: they would become dead letters.",
            }),
            events: Type.Array(
              Type.Object({ id: Uuid, type: nullable(Type.String()), received_at: Instant }),
              { description: "The newest matches, at most 100." },
            ),
            progress: Type.Number({
              minimum: 0,
              maximum: 1,
              description: "The checked share of the events in `last`, or else of the time since `since`.",
            }),
            reached: nullable(Instant),
            next_cursor: nullable(
              Type.String({ description: "null if all events were checked, else the cursor to continue" }),
            ),
          }),
          ...ERROR_RESPONSES,
        },
      },
    },
    async ({ params: { tenant_id: tenantId, flow: flowId }, body }) => {
      const { where, last, since } = body;
      const limit = last ?? (since === undefined ? DEFAULT_LAST : MAX_SCANNED);
      const flow = await database.withTenant(tenantId, (transaction) =>
        findFlow(transaction, tenantId, flowId),
      );
      if (flow === undefined) throw noFlow(flowId);
      const { trigger } = flow.definition;
      const matches = createFlowMatcher(
        tenantId,
        where === undefined ? trigger : { ...trigger, where: readCondition(where) },
      );
      const startedMs = performance.now();
      let [beforeId] = readCursor(body.cursor, Type.Tuple([Uuid])) ?? [];
      const found = emptyCounts();
      const budget = new SliceBudget();
      let reached: string | null = null;
      let more = true;
      while (more && found.scanned < limit && performance.now() - startedMs < MAX_MS) {
        const page = await database.withTenant(tenantId, (transaction) =>
          listEvents(transaction, {
            tenantId,
            connector: trigger.connector,
            type: undefined,
            source: undefined,
            status: undefined,
            priority: undefined,
            contains: undefined,
            untilId: undefined,
            beforeId,
            sinceId: idAt(since),
            limit: Math.min(PAGE, limit - found.scanned),
            maxBytes: PAGE_BYTES,
          }),
        );
        for (const stored of page.rows) {
          const outcome = await inTurns(testEvent(stored, matches));
          if (budget.spend(stored.payload.length + EVENT_BYTES)) await nextTurn();
          found.scanned += 1;
          if (outcome === "too_costly") found.too_costly += 1;
          else if (outcome === "unreadable") found.unreadable += 1;
          else if (outcome === "matched") {
            found.matched += 1;
            const { id, type = null, receivedAtMs } = stored;
            if (found.events.length < MAX_SHOWN)
              found.events.push({ id, type, received_at: new Date(receivedAtMs).toISOString() });
          }
        }
        const end = page.scannedUntilId ?? page.rows.at(-1)?.id;
        if (end !== undefined) {
          beforeId = end;
          reached = new Date(uuid7Ms(end)).toISOString();
        }
        more = page.more;
        await nextTurn();
      }
      return {
        ...found,
        progress: more
          ? shareDone({ scanned: found.scanned, limit, since: last ? undefined : since, reached }, Date.now())
          : 1,
        reached,
        next_cursor: more && beforeId !== undefined ? writeCursor([beforeId]) : null,
      };
    },
  );
};

function emptyCounts() {
  return { scanned: 0, matched: 0, unreadable: 0, too_costly: 0, events: [] as ShownMatch[] };
}

/** Fixed cost of an event besides its body, in parsed bytes. */
const EVENT_BYTES = 1_024;

/** Normalizes and matches one past event. */
function* testEvent(
  stored: StoredEvent,
  matches: FlowMatcher,
): Slices<"matched" | "missed" | "unreadable" | "too_costly"> {
  const normalized = yield* normalizeInSlices(stored);
  if (normalized.kind === "unreadable") return "unreadable";
  if (normalized.event.source === "schedule") return "missed";
  try {
    return (yield* matches(normalized.event)) ? "matched" : "missed";
  } catch (error) {
    if (error instanceof EventTooCostly) return "too_costly";
    throw error;
  }
}

/** Returns the checked share of the requested events, or else of the time since. */
function shareDone(
  done: { scanned: number; limit: number; since: string | undefined; reached: string | null },
  nowMs: number,
): number {
  const { scanned, limit, since, reached } = done;
  const share =
    since === undefined || reached === null
      ? scanned / limit
      : (nowMs - Date.parse(reached)) / (nowMs - Date.parse(since));
  return Math.round(Math.min(1, Math.max(0, share)) * 1_000) / 1_000;
}

interface ShownMatch {
  id: string;
  type: string | null;
  received_at: string;
}
