import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Static } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { findBackfill, startBackfill, stopBackfill } from "../../postgres/flows/backfills.ts";
import { deployFlow, undeployFlow } from "../../postgres/flows/deployments.ts";
import { findFlow, lockFlow } from "../../postgres/flows/flows.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference } from "../field-schemas.ts";
import { asBackfill, Backfill } from "./backfill-schema.ts";
import { asFlow, Flow, FlowParams } from "./flow-schema.ts";
import { noFlow } from "./flows.ts";

const tags = ["Flows"];

/** Routes that deploy and undeploy flows. */
export const deploymentRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  const response = { 200: reference(Flow), ...ERROR_RESPONSES };
  const backfillResponse = { 200: reference(Backfill), ...ERROR_RESPONSES };

  server.post(
    "/tenants/:tenant_id/flows/:flow/deploy",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Deploy the newest version, for every event accepted after the response",
        params: FlowParams,
        response,
      },
    },
    async ({ params }) =>
      await change(params, async (transaction, flow) => {
        const { counter } = await deployFlow(transaction, flow);
        const from = (await findFlow(transaction, flow.tenantId, flow.flowId))?.definition.enabled_from;
        if (from === undefined || from === "now") return;
        const fromMs = Date.parse(from);
        await startBackfill(transaction, { ...flow, deployedFrom: counter, fromMs });
      }),
  );

  server.post(
    "/tenants/:tenant_id/flows/:flow/undeploy",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Undeploy a flow: no event accepted after the response starts it",
        params: FlowParams,
        response,
      },
    },
    async ({ params }) => await change(params, undeployFlow),
  );

  server.get(
    "/tenants/:tenant_id/flows/:flow/backfill",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The progress of a deploy with the past events that enabled_from includes",
        params: FlowParams,
        response: backfillResponse,
      },
    },
    async ({ params }) => await showBackfill(params),
  );

  server.post(
    "/tenants/:tenant_id/flows/:flow/backfill/stop",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Stop adding past events; runs that exist continue",
        params: FlowParams,
        response: backfillResponse,
      },
    },
    async ({ params }) => await showBackfill(params, stopBackfill),
  );

  async function showBackfill(
    { tenant_id: tenantId, flow: flowId }: Static<typeof FlowParams>,
    first?: typeof stopBackfill,
  ): Promise<Static<typeof Backfill>> {
    const backfill = await database.withTenant(tenantId, async (transaction) => {
      await first?.(transaction, { tenantId, flowId });
      return await findBackfill(transaction, { tenantId, flowId });
    });
    if (backfill !== undefined) return asBackfill(backfill);
    throw new HeadraceError("not_found", `No deploy of flow ${flowId} included past events`);
  }

  /** Changes a flow under a lock, so that no other call deploys, undeploys or deletes it meanwhile. */
  async function change(
    { tenant_id: tenantId, flow: flowId }: Static<typeof FlowParams>,
    work: (
      transaction: Queryable,
      flow: { tenantId: string; flowId: string; version: number },
    ) => Promise<void>,
  ): Promise<Static<typeof Flow>> {
    return await database.withTenant(tenantId, async (transaction) => {
      const version = await lockFlow(transaction, tenantId, flowId);
      if (version === undefined) throw noFlow(flowId);
      await work(transaction, { tenantId, flowId, version });
      const flow = await findFlow(transaction, tenantId, flowId);
      if (flow === undefined) throw noFlow(flowId);
      return asFlow(flow);
    });
  }
};
