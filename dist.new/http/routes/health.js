import { Type } from "typebox";
const tags = ["Health"];
const ReadinessBody = Type.Object({
    ready: Type.Boolean(),
    checks: Type.Record(Type.String(), Type.Object({ ok: Type.Boolean(), detail: Type.Optional(Type.String()) })),
});
/** What load balancers and scrapers ask; no key is needed. */
export const healthRoutes = async (server, { readiness, registry }) => {
    server.get("/healthz", {
        schema: {
            tags,
            summary: "200 while the process answers",
            security: [],
            response: { 200: Type.Object({ status: Type.Literal("ok") }) },
        },
    }, async () => ({ status: "ok" }));
    server.get("/readyz", {
        schema: {
            tags,
            summary: "200 when the process can do its work, else 503; both say what was looked at",
            security: [],
            response: { 200: ReadinessBody, 503: ReadinessBody },
        },
    }, async (_request, reply) => {
        const state = await readiness();
        return reply.code(state.ready ? 200 : 503).send(state);
    });
    server.get("/metrics", {
        schema: {
            tags,
            summary: "Counters and gauges, in the text format of Prometheus",
            security: [],
            response: { 200: { content: { "text/plain": { schema: Type.String() } } } },
        },
    }, async (_request, reply) => reply.type(registry.contentType).send(await registry.metrics()));
};
//# sourceMappingURL=health.js.map