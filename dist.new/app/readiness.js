/** A loop that failed this often in a row makes no progress. */
const MAX_FAILURES = 3;
/** A store that does not answer within this time is away, ms. */
const STORE_TIMEOUT_MS = 2_000;
/** Red when a store is away, a loop makes no progress, or the process is not serving; says which. */
export function createReadiness(deps) {
    return async () => {
        const [postgres, redis] = await Promise.all([
            answers(deps.database.pipeline.query({ text: "SELECT 1" })),
            answers(deps.redis.ping()),
        ]);
        const checks = { postgres, redis };
        const reason = deps.notServing();
        checks["process"] = reason === undefined ? { ok: true } : { ok: false, detail: reason };
        for (const loop of deps.loops())
            checks[`loop ${loop.name}`] = judgeLoop(loop);
        if (deps.flowsReady() === false)
            checks["flows"] = { ok: false, detail: "the deployed flows are not loaded yet" };
        return { ready: Object.values(checks).every((check) => check.ok), checks };
    };
}
async function answers(reply) {
    const timeout = new Promise((_, reject) => {
        setTimeout(() => reject(new Error(`no answer within ${STORE_TIMEOUT_MS} ms`)), STORE_TIMEOUT_MS).unref();
    });
    try {
        await Promise.race([reply, timeout]);
        return { ok: true };
    }
    catch (error) {
        return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
}
function judgeLoop(loop) {
    if (loop.failures < MAX_FAILURES)
        return { ok: true };
    return { ok: false, detail: `${loop.failures} steps failed in a row: ${loop.lastError ?? ""}` };
}
//# sourceMappingURL=readiness.js.map