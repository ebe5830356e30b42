import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { replayDeadLetter } from "../../dead-letters/replay-dead-letter.ts";
import type { DeadLetterReplay } from "../../dead-letters/replay-dead-letters.ts";
import { replayEvent } from "../../dead-letters/replay-event.ts";
import { HeadraceError } from "../../domain/errors.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { QueuedRun } from "../../postgres/runs/replay.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { MAX_EVENTS_BYTES } from "../events/accept-events.ts";
import { closed, Id, Uuid } from "../field-schemas.ts";
import { noFlow } from "../flows/flows.ts";
import type { RunDispatch } from "../runs/run-actions.ts";

const Started = Type.Object({
  run_id: Uuid,
  run_ids: Type.Optional(
    Type.Array(Uuid, { description: "Present if the event starts several flows; run_id is the first." }),
  ),
});

/** Routes that replay one dead letter or one event. */
export const deadLetterReplayRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  dispatch: RunDispatch;
}> = async (server, { database, guards, dispatch }) => {
  const deps = { leaseMs: dispatch.leaseMs };

  server.post(
    "/tenants/:tenant_id/dlq/:id/replay",
    {
      onRequest: guards.tenant("write"),
      config: { exact: ["payload"] },
      // A payload may be as large as a posted event.
      bodyLimit: MAX_EVENTS_BYTES,
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ["Dead letters"],
        summary:
          "Replay a dead letter with its original payload or another one, as a new run below live traffic",
        description:
          "A failed run goes to its flow again. A dead letter that matched no flow, or was unreadable, is matched against the currently deployed flows; 422 if it matches none. A given payload is stored beside the original, and later replays use it too. Refused while a replay is in progress, and after one succeeded.",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        body: Type.Object(
          { payload: Type.Optional(Type.Unknown({ description: "Any JSON, in place of the original." })) },
          { ...closed, description: "an object: { payload? }" },
        ),
        response: { 202: Started, ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id }, body }, reply) => {
      const payload = Object.hasOwn(body, "payload") ? Buffer.from(writeJson(body.payload)) : undefined;
      // A replay that made no run is recorded too, so its error is thrown after the commit.
      const replayed = await database.withTenant(tenantId, async (transaction) => {
        const tried = await replayDeadLetter(transaction, { tenantId, id, payload }, deps);
        if (tried === undefined) throw new HeadraceError("not_found", `There is no dead letter ${id}`);
        if (UNTRIED.has(tried.kind) && tried.kind !== "replayed") throw refusal(id, tried);
        return tried;
      });
      if (replayed.kind !== "replayed") throw refusal(id, replayed);
      dispatch.queue(replayed.runs);
      return reply.code(202).send(started(replayed.runs));
    },
  );

  server.post(
    "/tenants/:tenant_id/events/:id/replay",
    {
      onRequest: guards.tenant("write"),
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ["Events"],
        summary:
          "Run an event again: through every flow whose trigger it matches now, or through the given flow in any case",
        description: "Also for an event that matched no flow and was dropped. 422 if it matches no flow now.",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        body: Type.Object({ flow: Type.Optional(Id) }, { ...closed, description: "an object: { flow? }" }),
        response: { 202: Started, ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id }, body: { flow: flowId } }, reply) => {
      const replayed = await database.withTenant(tenantId, (transaction) =>
        replayEvent(transaction, { tenantId, id, flowId }, deps),
      );
      if (replayed === undefined) throw new HeadraceError("not_found", `There is no event ${id}`);
      if (replayed.kind === "erased")
        throw new HeadraceError("conflict", `The data of event ${id} were erased`);
      if (replayed.kind === "no_flow") throw noFlow(flowId ?? "");
      if (replayed.kind === "unmatched") throw new HeadraceError("unmatched", MATCHES_NONE);
      if (replayed.kind === "unreadable") throw new HeadraceError("unreadable", replayed.reason);
      dispatch.queue(replayed.runs);
      return reply.code(202).send(started(replayed.runs));
    },
  );
};

/** Refusals after which nothing needs to be recorded. */
const UNTRIED: ReadonlySet<string> = new Set(["in_flight", "ended", "flow_gone"]);

const MATCHES_NONE = "The event matches the trigger of no deployed flow";

function started([first, ...others]: [QueuedRun, ...QueuedRun[]]) {
  const run_ids = [first.id, ...others.map((run) => run.id)];
  return { run_id: first.id, ...(others.length > 0 && { run_ids }) };
}

function refusal(id: string, replay: Exclude<DeadLetterReplay, { kind: "replayed" }>): HeadraceError {
  switch (replay.kind) {
    case "in_flight":
      return new HeadraceError("conflict", `Run ${replay.runId} is still replaying dead letter ${id}`);
    case "ended":
      return new HeadraceError(
        "conflict",
        `Dead letter ${id} is ${replay.status}: there is nothing to replay`,
      );
    case "flow_gone":
      return new HeadraceError("conflict", `The flow ${replay.flowId} was deleted`);
    case "unmatched":
      return new HeadraceError("unmatched", MATCHES_NONE);
    case "unroutable":
      return new HeadraceError("unprocessable", replay.reason);
    case "unreadable":
      return new HeadraceError("unreadable", replay.reason);
  }
}
