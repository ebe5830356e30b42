import type { HandlerContext } from "../pipeline/execute/code-action.ts";
export type { HandlerContext } from "../pipeline/execute/code-action.ts";
/** A flow in code, as a file of the flows folder exports it. */
export interface CodeFlow {
    /** The name that a flow's `action.handler` gives. */
    id: string;
    handler: (context: HandlerContext) => unknown;
}
/**
 * Defines a flow in code: `export default defineFlow({ id: "greet" }, async ({ event, log }) => { … })`. What the
 * handler returns is awaited; what it throws fails the attempt, and the flow's retry policy decides what follows.
 */
export declare function defineFlow(options: {
    id: string;
}, handler: CodeFlow["handler"]): CodeFlow;
