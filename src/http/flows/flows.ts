import { randomBytes } from "node:crypto";
import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { undeployFlow } from "../../postgres/flows/deployments.ts";
import {
  deleteFlow,
  findFlow,
  listFlows,
  lockFlow,
  putFlow,
  rotateSigningSecret,
  signingSecretAad,
} from "../../postgres/flows/flows.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, reference, TenantParams } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { type ActionRules, EXACT_FLOW_FIELDS, readDefinition } from "./flow-input.ts";
import {
  asFlow,
  DEFAULT_SIGNING_OVERLAP_SECONDS,
  Flow,
  FlowInput,
  FlowParams,
  RotateSigningInput,
} from "./flow-schema.ts";

const tags = ["Flows"];

/** Routes for the flows of a tenant. A PUT only stores a flow; a deploy makes it active. */
export const flowRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  keyRing: KeyRing;
  actionRules: ActionRules;
}> = async (server, { database, guards, keyRing, actionRules }) => {
  const response = { 200: reference(Flow), ...ERROR_RESPONSES };

  server.put(
    "/tenants/:tenant_id/flows/:flow",
    {
      onRequest: guards.tenant("write"),
      config: { exact: EXACT_FLOW_FIELDS },
      schema: {
        tags,
        summary: "Create or replace a flow; a new version becomes active with the next deploy",
        params: FlowParams,
        body: FlowInput,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId, flow: id }, body }) => {
      const definition = readDefinition(body, actionRules);
      const { signing_secret: given } = body;
      const secret = given ?? newSecret();
      const { sealed, keyId } = keyRing.seal(secret, signingSecretAad({ tenantId, flowId: id }));
      return await database.withTenant(tenantId, async (transaction) => {
        const { secretStored } = await putFlow(transaction, {
          tenantId,
          id,
          definition,
          signingSealed: sealed,
          signingKeyId: keyId,
          replaceSecret: given !== undefined,
        });
        const flow = await findFlow(transaction, tenantId, id);
        if (flow === undefined) throw noFlow(id);
        return asFlow(flow, secretStored ? secret : undefined);
      });
    },
  );

  server.get(
    "/tenants/:tenant_id/flows/:flow",
    {
      onRequest: guards.tenant("read"),
      schema: { tags, summary: "A flow in its newest version", params: FlowParams, response },
    },
    async ({ params }) => {
      const flow = await database.withTenant(params.tenant_id, (transaction) =>
        findFlow(transaction, params.tenant_id, params.flow),
      );
      if (flow === undefined) throw noFlow(params.flow);
      return asFlow(flow);
    },
  );

  server.get(
    "/tenants/:tenant_id/flows",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The flows of a tenant, by id",
        params: TenantParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Flow)), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [afterId = ""] = readCursor(cursor, Type.Tuple([Id])) ?? [];
      const rows = await database.withTenant(params.tenant_id, (transaction) =>
        listFlows(transaction, params.tenant_id, { afterId, limit: limit + 1 }),
      );
      return pageOfRows(
        rows,
        limit,
        (flow) => [flow.id],
        (flow) => asFlow(flow),
      );
    },
  );

  server.post(
    "/tenants/:tenant_id/flows/:flow/rotate",
    {
      onRequest: guards.tenant("write"),
      // A rotation with the defaults needs no body.
      preValidation: async (request) => {
        request.body ??= {};
      },
      schema: {
        tags,
        summary: "Give a flow a new signing secret; both secrets sign for a while",
        params: FlowParams,
        body: RotateSigningInput,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId, flow: id }, body }) => {
      const { signing_secret: secret = newSecret(), overlap_seconds = DEFAULT_SIGNING_OVERLAP_SECONDS } =
        body;
      const sealed = keyRing.seal(secret, signingSecretAad({ tenantId, flowId: id }));
      return await database.withTenant(tenantId, async (transaction) => {
        const rotated = await rotateSigningSecret(transaction, {
          tenantId,
          id,
          sealed,
          overlapSeconds: overlap_seconds,
        });
        const flow = await findFlow(transaction, tenantId, id);
        if (rotated === undefined || flow === undefined) throw noFlow(id);
        return { ...asFlow(flow, secret), old_secret_until: rotated.formerUntil.toISOString() };
      });
    },
  );

  server.delete(
    "/tenants/:tenant_id/flows/:flow",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Undeploy and delete a flow; its runs are kept, and those in progress continue",
        params: FlowParams,
        response: { 204: Type.Null({ description: "Deleted" }), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId, flow: flowId } }, reply) => {
      await database.withTenant(tenantId, async (transaction) => {
        if ((await lockFlow(transaction, tenantId, flowId)) === undefined) throw noFlow(flowId);
        await undeployFlow(transaction, { tenantId, flowId });
        await deleteFlow(transaction, tenantId, flowId);
      });
      return reply.code(204).send(null);
    },
  );
};

function newSecret(): string {
  return `whsec_${randomBytes(32).toString("base64")}`;
}

/** Creates the error for a missing flow. */
export function noFlow(id: string): HeadraceError {
  return new HeadraceError("not_found", `There is no flow ${id}`);
}
