import { randomUUID } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
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

/** Sends new runs to workers at once. A lost job is recovered after the lease. */
export interface RunDispatch {
  leaseMs: number;
  /** Enqueues jobs for committed runs. Never throws. */
  queue(runs: readonly (QueuedRun & { generation?: number; gated?: boolean })[]): void;
}

/** Lifetime of an Idempotency-Key, ms. */
const KEY_WINDOW_MS = 72 * 3_600_000;

/** Routes that start a flow manually, cancel a run, and replay a run. */
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
      config: { exact: ["data"] },
      // A run without data needs no body.
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags: ["Flows"],
        summary: "Run a flow once, deployed or not, with a new event, whatever its trigger",
        description:
          "Runs the deployed version, or else the newest. An equal Idempotency-Key within three days returns the same run.",
        params: FlowParams,
        headers: Type.Object({ "idempotency-key": Type.Optional(line(200)) }),
        body: Type.Object(
          { data: Type.Optional(Type.Unknown({ description: "The event's data; {} if left out." })) },
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
          tenantId,
          flowId,
          data: Buffer.from(writeJson(data)),
          leaseMs,
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
        summary: "Cancel an unfinished run: no attempt follows, and one in progress is told to stop",
        description: "A dead run of an ordered flow can be cancelled too: the runs behind it continue.",
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
          throw new HeadraceError("conflict", `Run ${id} has already ended: it is ${run.state}`);
        return { run, cancelled };
      });
      const { flowId, gate } = cancelled;
      if (gate !== undefined) {
        // After the commit: a worker that claims runs of the flow holds locks that this statement waits for.
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
        summary: "Run the event of a finished run through its flow again, as a new run",
        description:
          "Runs the deployed version, or else the newest. The new run has its own Idempotency-Key.",
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
    throw new HeadraceError("rate_limited", `Tenant ${tenantId} exceeds its limits`);
  }
};

function refusal(id: string, replay: Exclude<Replay, { kind: "replayed" }>): string {
  if (replay.kind === "unfinished") return `Run ${id} has not ended: it is ${replay.state}. Cancel it first`;
  if (replay.kind === "event_gone") return `The event of run ${id} is no longer stored`;
  return `The flow ${replay.flowId} was deleted`;
}
