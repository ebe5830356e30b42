import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Database } from "../../postgres/core/database.ts";
import { DEFAULT_POLICY, EVERY_TENANT, findPolicy, putPolicy } from "../../postgres/dead-letters/policies.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference, TenantParams } from "../field-schemas.ts";
import { asPolicy, DlqPolicyInput, ShownDlqPolicy } from "./policy-schema.ts";

const tags = ["Dead letters"];

const response = { 200: reference(ShownDlqPolicy), ...ERROR_RESPONSES };

/** Routes for the dead letter policies of tenants, and for the default policy. */
export const dlqPolicyRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  refusedTarget: TargetRules;
}> = async (server, { database, guards, refusedTarget }) => {
  server.put(
    "/tenants/:tenant_id/dlq/policy",
    {
      onRequest: guards.tenant("write"),
      schema: {
        tags,
        summary: "Set the dead letter policy of a tenant",
        params: TenantParams,
        body: DlqPolicyInput,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId }, body }) => {
      const policy = asPolicy(body, refusedTarget);
      await database.withTenant(tenantId, (transaction) => putPolicy(transaction, tenantId, policy));
      return policy;
    },
  );

  server.get(
    "/tenants/:tenant_id/dlq/policy",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The dead letter policy of a tenant: its own, or the default policy",
        params: TenantParams,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId } }) => {
      const own = await database.withTenant(tenantId, (transaction) => findPolicy(transaction, tenantId));
      return own ?? (await defaultPolicy());
    },
  );

  server.put(
    "/dlq/policy",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "Set the default dead letter policy, for tenants without their own",
        body: DlqPolicyInput,
        response,
      },
    },
    async ({ body }) => {
      const policy = asPolicy(body, refusedTarget);
      await database.transaction((transaction) => putPolicy(transaction, EVERY_TENANT, policy));
      return policy;
    },
  );

  server.get(
    "/dlq/policy",
    {
      onRequest: guards.installation("read"),
      schema: { tags, summary: "The default dead letter policy, for tenants without their own", response },
    },
    defaultPolicy,
  );

  async function defaultPolicy() {
    return (
      (await database.transaction((transaction) => findPolicy(transaction, EVERY_TENANT))) ?? DEFAULT_POLICY
    );
  }
};
