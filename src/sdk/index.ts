import type { RetryPolicy, Trigger } from "../domain/flow/flow.ts";
import type { Schedule } from "../domain/flow/schedule.ts";
import type { FetchSourcePage } from "../synthetic/fetch/code-pages.ts";
import type { Handler } from "./handler.ts";

export type { FetchSourcePage, SourceContext, SourcePage } from "../synthetic/fetch/code-pages.ts";
export type { Handler, HandlerContext, RunStep, StepContext } from "./handler.ts";

/** What a flow in code says of itself: the fields of a flow in the API, which `headrace flows apply` stores there. */
export interface FlowOptions {
  /** The flow's id, and the name that its `action.handler` gives: 1 to 128 of A-Z a-z 0-9 _ . - */
  id: string;
  name?: string;
  /**
   * Which events start the flow; `where` as text (`status eq "paid"`) or as its tree. Without a trigger the file
   * gives a handler alone, and flows are stored over the API that name it.
   */
  trigger?: Omit<Trigger, "where" | "schedule"> & {
    where?: Trigger["where"] | string;
    schedule?: Pick<Schedule, "cron"> & Partial<Schedule>;
  };
  retry?: Partial<RetryPolicy>;
  /** Runs under way at once. */
  concurrency?: number;
  rate_limit?: { per_second: number };
  /** A path in the event: events with the same value are run one after the other. */
  order_by?: string;
  on_order_failure?: "block" | "skip";
  /** RFC 3339: a deploy takes events from this moment on. */
  enabled_from?: string;
}

/** A flow in code, as a file of the flows folder exports it. */
export interface CodeFlow {
  id: string;
  handler: Handler;
  options: FlowOptions;
}

/**
 * Defines a flow in code: `export default defineFlow({ id: "greet", trigger: {} }, async ({ event, log }) => { … })`.
 * What the handler returns is awaited; what it throws fails the attempt, and the flow's retry policy decides what
 * follows.
 */
export function defineFlow(options: FlowOptions, handler: CodeFlow["handler"]): CodeFlow {
  return { id: options.id, handler, options };
}

/** A source in code, as a file of the flows folder exports it. */
export interface CodeSource {
  /** What the `handler` of a connector's source names: 1 to 128 of A-Z a-z 0-9 _ . - */
  id: string;
  fetchPage: FetchSourcePage;
}

/**
 * Defines a source in code: `export default defineSource({ id: "shop", fetchPage: async ({ cursor }) => ({ records,
 * next }) })`. Headrace asks for page after page until one has no `next`, and finds out what has changed.
 */
export function defineSource(source: CodeSource): CodeSource {
  return { id: source.id, fetchPage: source.fetchPage };
}
