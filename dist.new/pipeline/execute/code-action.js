/** Runs handlers in this process: they are the operator's own code, never a tenant's. */
export function createCodeAction(deps) {
    const { handlers, timeoutMs, logFor } = deps;
    return async (run) => {
        const { action } = run.definition;
        const name = action.type === "code" ? action.handler : "";
        const handler = handlers.get(name);
        // Another copy, or the next release, may have it.
        if (handler === undefined)
            return failure("HANDLER_MISSING", `No flow file defines the handler ${name}`);
        const deadline = AbortSignal.timeout(timeoutMs);
        const signal = AbortSignal.any([run.signal, deadline]);
        const { event, attempt, idempotencyKey } = run;
        try {
            await untilAborted(handler({ event, attempt, idempotencyKey, signal, log: logFor(run) }), signal);
            return { kind: "done" };
        }
        catch (thrown) {
            if (deadline.aborted)
                return failure("TIMEOUT", `The handler took more than ${timeoutMs} ms`);
            const error = thrown instanceof Error ? thrown : new Error(String(thrown));
            return failure("HANDLER_THREW", error.message, error.stack);
        }
    };
}
/** A handler that ignores its signal is left behind at the deadline. */
function untilAborted(result, signal) {
    if (!(result instanceof Promise))
        return result;
    return new Promise((resolve, reject) => {
        const onAbort = () => reject(signal.reason);
        signal.addEventListener("abort", onAbort, { once: true });
        result.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
    });
}
function failure(code, message, stack) {
    return { kind: "retry", error: { code, message, ...(stack === undefined ? {} : { stack }) } };
}
//# sourceMappingURL=code-action.js.map