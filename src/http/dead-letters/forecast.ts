import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { forecastDeadLetters } from "../../dead-letters/forecast.ts";
import type { Database } from "../../postgres/core/database.ts";
import { readDeadLetterDays } from "../../postgres/dead-letters/depths.ts";
import { DEFAULT_POLICY, EVERY_TENANT, findPolicy } from "../../postgres/dead-letters/policies.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference, TenantParams } from "../field-schemas.ts";
import { asForecast, DeadLetterForecast } from "./forecast-schema.ts";

const tags = ["Dead letters"];

const response = { 200: reference(DeadLetterForecast), ...ERROR_RESPONSES };

const DAY_MS = 86_400_000;

/** Routes that forecast the size of the dead letter queue from counters, without counting rows. */
export const deadLetterForecastRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
}> = async (server, { database, guards }) => {
  server.get(
    "/tenants/:tenant_id/dlq/forecast",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "How many dead letters of a tenant are stored, will be stored and will expire",
        params: TenantParams,
        response,
      },
    },
    async ({ params: { tenant_id: tenantId } }) => {
      const installationDays = await defaultRetentionDays();
      const { days, retentionDays } = await database.withTenant(tenantId, async (transaction) => {
        const policy = await findPolicy(transaction, tenantId);
        const defaultDays = policy?.retention_days ?? installationDays;
        const kept = await readDeadLetterDays(transaction, { tenantId, defaultDays });
        return { days: kept, retentionDays: defaultDays };
      });
      return forecast(days, retentionDays);
    },
  );

  server.get(
    "/dlq/forecast",
    {
      onRequest: guards.installation("read"),
      schema: {
        tags,
        summary: "How many dead letters of all tenants are stored, will be stored and will expire",
        response,
      },
    },
    async () => {
      const defaultDays = await defaultRetentionDays();
      const days = await database.transaction((transaction) =>
        readDeadLetterDays(transaction, { tenantId: undefined, defaultDays }),
      );
      return forecast(days, undefined);
    },
  );

  async function defaultRetentionDays(): Promise<number> {
    const policy = await database.transaction((transaction) => findPolicy(transaction, EVERY_TENANT));
    return (policy ?? DEFAULT_POLICY).retention_days;
  }
};

function forecast(days: Parameters<typeof forecastDeadLetters>[0], retentionDays: number | undefined) {
  const nowMs = Date.now();
  return asForecast(forecastDeadLetters(days, (nowMs % DAY_MS) / DAY_MS), retentionDays, nowMs);
}
