/** Waits until the condition holds, looking again every `everyMs`; throws, naming it, after `withinMs`. */
export async function until(what, holds, { withinMs = 30_000, everyMs = 50 } = {}) {
    const deadline = performance.now() + withinMs;
    while (!(await holds())) {
        if (performance.now() > deadline)
            throw new Error(`Not within ${withinMs} ms: ${what}`);
        await new Promise((resolve) => setTimeout(resolve, everyMs));
    }
}
