import { randomUUID } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { TakeQuota } from "../../pipeline/receive/receiver.ts";
import { findTenant } from "../../postgres/access/tenants.ts";
import type { Database } from "../../postgres/core/database.ts";
import { cancelRun } from "../../postgres/runs/cancel.ts";
import { wakeGatedRuns } from "../../postgres/runs/gated-runs.ts";
import { findRun } from "../../postgres/runs/list.ts";
import { startManualRun } from "../../postgres/runs/manual-runs.ts";
import { type QueuedRun, type Replay, replayRun } from "../../postgres/runs/replay.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { closed, line, reference, Uuid } from "../field-schemas.ts";
import { FlowParams } from "../flows/flow-schema.ts";
import { noFlow } from "../flows/flows.ts";
import { asRun, Run, RunParams } from "./run-schema.ts";
import { noRun } from "./runs.ts";

/** How runs that are made here come to a worker at once; what is lost on the way is found after the lease. */
export interface RunDispatch {
  leaseMs: number;
  /** Gives committed runs their jobs. Never throws. */
  queue(runs: readonly (QueuedRun & { generation?: number; gated?: boolean })[]): void;
}

/** How long an Idempotency-Key counts, ms. */
const KEY_WINDOW_MS = 72 * 3_600_000;

/** Starts a flow by hand, cancels a run, and runs one again. */
export const runActionRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  takeQuota: TakeQuota;
  dispatch: RunDispatch;
}> = async (server, { database, guards, takeQuota, dispatch }) => {
  const { leaseMs } = dispatch;

  server.post(
    "/tenants/:tenant_id/flows/:flow/run",
    {
      onRequest: guards.tenant("write"),
      // A run without data needs no body.
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ["Flows"],
        summary: "Run a flow once, deployed or not, with an event of its own; its trigger is not asked",
        description:
          "The version that is deployed, else the newest. The same Idempotency-Key within three days gives the same run.",
        params: FlowParams,
        headers: Type.Object({ "idempotency-key": Type.Optional(line(200)) }),
        body: Type.Object(
          { data: Type.Optional(Type.Unknown({ description: "The event's data; {} when left out." })) },
          { ...closed, description: "an object: { data? }" },
        ),
        response: { 202: Type.Object({ event_id: Uuid, run_id: Uuid }), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, flow: flowId }, headers, body: { data = {} } }, reply) => {
      await spendQuota(tenantId, (seconds) => reply.header("retry-after", seconds));
      const key = headers["idempotency-key"];
      const run = await database.withTenant(tenantId, (transaction) =>
        startManualRun(transaction, {
          ...{ tenantId, flowId, data: Buffer.from(JSON.stringify(data)), leaseMs },
          deliveryKey: key === undefined ? `random:${randomUUID()}` : `key:${key}`,
          keyWindowMs: key === undefined ? undefined : KEY_WINDOW_MS,
        }),
      );
      if (run === undefined) throw noFlow(flowId);
      if (run.isNew) dispatch.queue([run]);
      return reply.code(202).send({ event_id: run.eventId, run_id: run.id });
    },
  );

  server.post(
    "/tenants/:tenant_id/runs/:id/cancel",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags: ["Runs"],
        summary: "Cancel a run that has not ended: no attempt follows, and one under way is told to stop",
        description: "A dead run of a flow with an order can be cancelled too: what waits behind it goes on.",
        params: RunParams,
        response: { 200: reference(Run), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id } }) => {
      const { run, cancelled } = await database.withTenant(tenantId, async (transaction) => {
        const cancelled = await cancelRun(transaction, tenantId, id);
        const run = await findRun(transaction, tenantId, id);
        if (run === undefined) throw noRun(id);
        if (cancelled === undefined)
          throw new HeadraceError("conflict", `Run ${id} has ended already: it is ${run.state}`);
        return { run, cancelled };
      });
      const { flowId, gate } = cancelled;
      if (gate !== undefined) {
        // Behind the commit: who claims runs of the flow holds what this waits for.
        const freed = [{ tenantId, flowId, gate, ended: true }];
        dispatch.queue(
          await database.withTenant(tenantId, (transaction) => wakeGatedRuns(transaction, freed, leaseMs)),
        );
      }
      return asRun(run);
    },
  );

  server.post(
    "/tenants/:tenant_id/runs/:id/replay",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags: ["Runs"],
        summary: "Run the event of a run that has ended through its flow again, as a new run",
        description:
          "By the version that is deployed, else the newest. The new run has an Idempotency-Key of its own.",
        params: RunParams,
        response: { 202: Type.Object({ run_id: Uuid }), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, id } }, reply) => {
      const replay = await database.withTenant(tenantId, (transaction) =>
        replayRun(transaction, { tenantId, id, leaseMs }),
      );
      if (replay === undefined) throw noRun(id);
      if (replay.kind !== "replayed") throw new HeadraceError("conflict", refusal(id, replay));
      dispatch.queue([replay.run]);
      return reply.code(202).send({ run_id: replay.run.id });
    },
  );

  async function spendQuota(tenantId: string, onWait: (seconds: number) => void): Promise<void> {
    const tenant = await database.withTenant(tenantId, (transaction) => findTenant(transaction, tenantId));
    const waitMs = tenant === undefined ? 0 : await takeQuota(tenant.id, tenant, 1);
    if (waitMs === 0) return;
    onWait(Math.ceil(waitMs / 1_000));
    throw new HeadraceError("rate_limited", `Tenant ${tenantId} sends more than it may`);
  }
};

function refusal(id: string, replay: Exclude<Replay, { kind: "replayed" }>): string {
  if (replay.kind === "unfinished") return `Run ${id} has not ended: it is ${replay.state}. Cancel it first`;
  if (replay.kind === "event_gone") return `The event of run ${id} is no longer kept`;
  return `The flow ${replay.flowId} was deleted`;
}
