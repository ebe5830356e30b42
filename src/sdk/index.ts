import type { RetryPolicy, Trigger } from "../domain/flow/flow.ts";
import type { Schedule } from "../domain/flow/schedule.ts";
import type { FetchSourcePage } from "../synthetic/fetch/code-pages.ts";
import type { Handler } from "./handler.ts";

export type { FetchSourcePage, SourceContext, SourcePage } from "../synthetic/fetch/code-pages.ts";
export { FatalError, RetryAtError } from "./errors.ts";
export type { Handler, HandlerContext, RunStep, StepContext } from "./handler.ts";

/** The options of a flow in code: the fields of a flow in the API. `headrace flows apply` stores them. */
export interface FlowOptions {
  /** The id of the flow, and its name in `action.handler`: 1 to 128 of A-Z a-z 0-9 _ . - */
  id: string;
  name?: string;
  /**
   * The events that start the flow, with `where` as text (`status eq "paid"`) or as a tree. A file without a trigger only
   * provides a handler, for flows that are stored over the API.
   */
  trigger?: Omit<Trigger, "where" | "schedule"> & {
    where?: Trigger["where"] | string;
    schedule?: Pick<Schedule, "cron"> & Partial<Schedule>;
  };
  retry?: Partial<RetryPolicy>;
  /** Concurrent runs, at most. */
  concurrency?: number;
  rate_limit?: { per_second: number };
  /** A path in the event. Events with the same value run one after the other. */
  order_by?: string;
  on_order_failure?: "block" | "skip";
  /** An RFC 3339 time from which a deploy takes events. */
  enabled_from?: string;
}

/** The default export of a flow file. */
export interface CodeFlow {
  id: string;
  handler: Handler;
  options: FlowOptions;
}

/**
 * Defines a flow in code: `export default defineFlow({ id: "greet", trigger: {} }, async ({ event, log }) => { … })`.
 * A promise that the handler returns is awaited. An error fails the attempt, and the retry policy of the flow applies;
 * a `FatalError` ends the run, and a `RetryAtError` says when the next attempt begins.
 */
export function defineFlow(options: FlowOptions, handler: CodeFlow["handler"]): CodeFlow {
  return { id: options.id, handler, options };
}

/** The default export of a source file. */
export interface CodeSource {
  /** The name in the `handler` of the source of a connector: 1 to 128 of A-Z a-z 0-9 _ . - */
  id: string;
  fetchPage: FetchSourcePage;
}

/**
 * Defines a source in code: `export default defineSource({ id: "shop", fetchPage: async ({ cursor }) => ({ records,
 * next }) })`. Headrace fetches pages until one has no `next`, and detects the changes.
 */
export function defineSource(source: CodeSource): CodeSource {
  return { id: source.id, fetchPage: source.fetchPage };
}
