/**
 * Defines a flow in code: `export default defineFlow({ id: "greet" }, async ({ event, log }) => { … })`. What the
 * handler returns is awaited; what it throws fails the attempt, and the flow's retry policy decides what follows.
 */
export function defineFlow(options, handler) {
    return { id: options.id, handler };
}
//# sourceMappingURL=index.js.map