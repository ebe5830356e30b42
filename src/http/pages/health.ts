import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { Registry } from "prom-client";
import { Type } from "typebox";
import { createMetricsAccess } from "../access/metrics-access.ts";

/** Whether this process can work, with the result of each check. */
export interface Readiness {
  ready: boolean;
  checks: Record<string, { ok: boolean; detail?: string }>;
}

const tags = ["Health"];

const ReadinessBody = Type.Object({
  ready: Type.Boolean(),
  checks: Type.Record(
    Type.String(),
    Type.Object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) }),
  ),
});

/** Routes for load balancers and metrics. They need no API key. */
export const healthRoutes: FastifyPluginAsyncTypebox<{
  readiness: () => Promise<Readiness>;
  registry: Registry;
  metricsKey: string | undefined;
}> = async (server, { readiness, registry, metricsKey }) => {
  server.get(
    "/healthz",
    {
      schema: {
        tags,
        summary: "200 while the process responds",
        security: [],
        response: { 200: Type.Object({ status: Type.Literal("ok") }) },
      },
    },
    async () => ({ status: "ok" as const }),
  );

  server.get(
    "/readyz",
    {
      schema: {
        tags,
        summary: "200 if the process can work, else 503, with the result of each check",
        security: [],
        response: { 200: ReadinessBody, 503: ReadinessBody },
      },
    },
    async (_request, reply) => {
      const state = await readiness();
      return reply.code(state.ready ? 200 : 503).send(state);
    },
  );

  server.get(
    "/metrics",
    {
      onRequest: createMetricsAccess(metricsKey),
      schema: {
        tags,
        summary: "Counters and gauges, in the text format of Prometheus",
        description:
          "With HEADRACE_METRICS_KEY every request needs that key as a bearer token. Without it, only requests from this machine that no proxy forwarded are allowed.",
        security: [],
        response: { 200: { content: { "text/plain": { schema: Type.String() } } } },
      },
    },
    async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()),
  );
};
