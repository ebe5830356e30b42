import { backoffMs } from "./backoff.js";
export function createLoop(options) {
    const { name, step, backoff, onError, random = Math.random, now = Date.now } = options;
    let abort;
    let running;
    let woken = false;
    let endWait;
    const state = { name, lastSuccessMs: 0, failures: 0, lastError: undefined };
    async function run(signal) {
        while (!signal.aborted) {
            woken = false;
            const waitMs = await runStep(signal);
            if (signal.aborted || waitMs === 0)
                continue;
            // A wake-up shortens a wait for work, not a wait for a fault to pass.
            if (woken && state.failures === 0)
                continue;
            await wait(waitMs);
        }
    }
    async function runStep(signal) {
        try {
            const { waitMs } = await step(signal);
            state.lastSuccessMs = now();
            state.failures = 0;
            state.lastError = undefined;
            return waitMs;
        }
        catch (error) {
            if (signal.aborted)
                return 0;
            state.failures += 1;
            state.lastError = error instanceof Error ? error.message : String(error);
            onError(error, state.failures);
            return Math.max(1, backoffMs(backoff, state.failures, random));
        }
    }
    function wait(ms) {
        return new Promise((resolve) => {
            const timer = setTimeout(resolve, ms);
            endWait = () => {
                clearTimeout(timer);
                resolve();
            };
        }).then(() => {
            endWait = undefined;
        });
    }
    return {
        start() {
            if (running !== undefined)
                return;
            abort = new AbortController();
            running = run(abort.signal);
        },
        async stop() {
            abort?.abort();
            endWait?.();
            await running;
            running = undefined;
        },
        wake() {
            woken = true;
            if (state.failures === 0)
                endWait?.();
        },
        progress: () => ({ ...state }),
    };
}
//# sourceMappingURL=loop.js.map