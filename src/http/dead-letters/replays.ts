import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { replayEvent } from "../../dead-letters/replay-event.ts";
import { replayLetter } from "../../dead-letters/replay-letter.ts";
import type { LetterReplay } from "../../dead-letters/replay-letters.ts";
import { HeadraceError } from "../../domain/errors.ts";
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
    Type.Array(Uuid, { description: "There where the event starts several flows, run_id first." }),
  ),
});

/** Replays one dead letter, or one event. */
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
      // A payload may be as large as an event that was posted.
      bodyLimit: MAX_EVENTS_BYTES,
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ["Dead letters"],
        summary:
          "Replay a dead letter, with its original payload or another, as a new run below live traffic",
        description:
          "A run that failed goes to its flow again; what met no flow, or could not be read, is matched against the flows that are deployed now, and 422 says that it meets none. A payload is kept beside the original, and later replays take it too. Refused while a replay has not ended, and once one succeeded.",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        body: Type.Object(
          { payload: Type.Optional(Type.Unknown({ description: "Any JSON, in place of the original." })) },
          { ...closed, description: "an object: { payload? }" },
        ),
        response: { 202: Started, ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id }, body }, reply) => {
      const payload = Object.hasOwn(body, "payload") ? Buffer.from(JSON.stringify(body.payload)) : undefined;
      // A try that came to no run is kept too: what it throws is thrown after the commit.
      const replayed = await database.withTenant(tenantId, async (transaction) => {
        const tried = await replayLetter(transaction, { tenantId, id, payload }, deps);
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
          "Run an event again: through every flow whose trigger it meets now, or through one, asked or not",
        description:
          "Also an event that met no flow when it came, and was dropped. 422 says that it meets none now.",
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
      if (replayed.kind === "no_flow") throw noFlow(flowId ?? "");
      if (replayed.kind === "unmatched") throw new HeadraceError("unmatched", MEETS_NONE);
      if (replayed.kind === "unreadable") throw new HeadraceError("unreadable", replayed.reason);
      dispatch.queue(replayed.runs);
      return reply.code(202).send(started(replayed.runs));
    },
  );
};

/** Kinds of refusals that changed nothing. */
const UNTRIED: ReadonlySet<string> = new Set(["in_flight", "ended", "flow_gone"]);

const MEETS_NONE = "The event meets the trigger of no flow that is deployed now";

function started([first, ...others]: [QueuedRun, ...QueuedRun[]]) {
  const run_ids = [first.id, ...others.map((run) => run.id)];
  return { run_id: first.id, ...(others.length > 0 && { run_ids }) };
}

function refusal(id: string, replay: Exclude<LetterReplay, { kind: "replayed" }>): HeadraceError {
  switch (replay.kind) {
    case "in_flight":
      return new HeadraceError("conflict", `Run ${replay.runId} replays dead letter ${id} and has not ended`);
    case "ended":
      return new HeadraceError(
        "conflict",
        `Dead letter ${id} is ${replay.status}: there is nothing to replay`,
      );
    case "flow_gone":
      return new HeadraceError("conflict", `The flow ${replay.flowId} was deleted`);
    case "unmatched":
      return new HeadraceError("unmatched", MEETS_NONE);
    case "unroutable":
      return new HeadraceError("unprocessable", replay.reason);
    case "unreadable":
      return new HeadraceError("unreadable", replay.reason);
  }
}
