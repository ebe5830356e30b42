import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database } from "../../postgres/core/database.ts";
import { eraseEvent } from "../../postgres/events/erase.ts";
import { wakeGatedRuns } from "../../postgres/runs/gated-runs.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, Uuid } from "../field-schemas.ts";
import type { RunDispatch } from "../runs/run-actions.ts";

/** The route that erases the personal data of an event. */
export const erasureRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  dispatch: RunDispatch;
}> = async (server, { database, guards, dispatch }) => {
  server.delete(
    "/tenants/:tenant_id/events/:id/data",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags: ["Events"],
        summary: "Erase the data of an event: its payload, headers and subject, and every copy of them",
        description:
          "The copies are those in dead letters and replays, errors, step results and logs. The rows stay, with the " +
          "event's erased_at. Unfinished runs are cancelled, and an event that is not routed yet starts none. A polled " +
          "record stays in its source's snapshot, and targets keep what they were sent.",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        response: { 204: Type.Null(), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id } }, reply) => {
      const cancelled = await database.withTenant(tenantId, (transaction) =>
        eraseEvent(transaction, { tenantId, id }),
      );
      if (cancelled === undefined) throw new HeadraceError("not_found", `There is no event ${id}`);
      if (cancelled.length > 0) {
        // After the commit: a worker that claims runs of the flow holds locks that this statement waits for.
        const freed = cancelled.map((run) => ({ tenantId, ...run, ended: true }));
        const { leaseMs } = dispatch;
        dispatch.queue(
          await database.withTenant(tenantId, (transaction) => wakeGatedRuns(transaction, freed, leaseMs)),
        );
      }
      return reply.code(204).send(null);
    },
  );
};
