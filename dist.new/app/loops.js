import { createLoop } from "../runtime/loop.js";
/** How every loop waits after a failed step. */
const BACKOFF = { kind: "exponential", delayMs: 50, maxDelayMs: 2_000 };
/** Failures in a row that are logged: the first, then every so many. */
const LOG_EVERY = 20;
export function createLoops({ metrics, log }) {
    const loops = new Map();
    return {
        add(name, step) {
            const loop = createLoop({
                name,
                step,
                backoff: BACKOFF,
                onError(error, failures) {
                    metrics.loopFailures.inc({ loop: name });
                    if (failures % LOG_EVERY === 1)
                        log.warn({ err: error, loop: name, failures }, "a step failed and is tried again");
                },
            });
            loops.set(name, loop);
            return loop;
        },
        start() {
            for (const loop of loops.values())
                loop.start();
        },
        async stop(names = [...loops.keys()]) {
            await Promise.all(names.map((name) => loops.get(name)?.stop()));
        },
        progress: () => [...loops.values()].map((loop) => loop.progress()),
    };
}
//# sourceMappingURL=loops.js.map