import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from "prom-client";
export function createMetrics() {
    const registry = new Registry();
    collectDefaultMetrics({ register: registry });
    const registers = [registry];
    const counter = (name, help, labelNames = []) => new Counter({ name: `headrace_${name}_total`, help, labelNames, registers });
    return {
        registry,
        deliveries: counter("deliveries", "Deliveries by their answer", ["answer"]),
        rejections: counter("rejections", "Rejected deliveries by reason", ["reason"]),
        accepted: counter("events_accepted", "New events committed"),
        published: counter("events_published", "Event ids published, again ones among them"),
        routed: counter("events_routed", "Events by verdict", ["verdict"]),
        runsCreated: counter("runs_created", "Runs made by routing"),
        attempts: counter("attempts", "Attempts by the state they left their run in", ["state"]),
        attemptSeconds: new Histogram({
            name: "headrace_attempt_seconds",
            help: "How long an attempt took",
            labelNames: ["state"],
            buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 60],
            registers,
        }),
        swept: counter("runs_swept", "Runs queued again"),
        redisLosses: counter("redis_losses", "Times that Redis lost what was published"),
        loopFailures: counter("loop_failures", "Failed steps of each loop", ["loop"]),
        oldestUnroutedSeconds: new Gauge({
            name: "headrace_oldest_unrouted_seconds",
            help: "Age of the oldest event that is not routed yet",
            registers,
        }),
    };
}
//# sourceMappingURL=metrics.js.map