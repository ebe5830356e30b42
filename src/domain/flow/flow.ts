import type { Condition } from "../condition/ast.ts";
import type { Priority } from "../priority.ts";
import type { Schedule } from "./schedule.ts";

/** One version of a flow: its trigger, action and retry policy. Immutable once stored. */
export interface FlowDefinition {
  name?: string;
  trigger: Trigger;
  action: FlowAction;
  retry: RetryPolicy;
  /** Most concurrent runs, over all workers. */
  concurrency?: number;
  /** Most attempts that begin within any second, over all workers. */
  rate_limit?: { per_second: number };
  /** A path as in conditions. Runs of events with the same value there execute one after the other, in event order. */
  order_by?: string;
  /** Whether a dead run blocks the later runs of its key. "block" is the default of a flow with an order. */
  on_order_failure?: "block" | "skip";
  /** A deploy also routes the tenant's past events since this time (RFC 3339); none for "now" or if left out. */
  enabled_from?: string;
}

/** The part of a definition that routing needs. */
export type RoutedDefinition = Omit<FlowDefinition, "action">;

/**
 * Selects the events that start a flow: of one connector or any, of the listed types or any, that meet the condition. The
 * ticks of a schedule start the flow regardless of these; a trigger with a schedule takes other events only if it has
 * one of these.
 */
export interface Trigger {
  connector?: string;
  /** Exact names, or a prefix with a star at its end: `order.*`. */
  event_types?: string[];
  where?: Condition;
  /** Overrides the event's priority for the flow's runs. */
  priority?: Priority;
  /** Starts the flow at its ticks. */
  schedule?: Schedule;
}

/** Whether events other than ticks can start the flow. False for a trigger with nothing but a schedule. */
export function takesEvents({ connector, event_types, where, schedule }: Trigger): boolean {
  return schedule === undefined || [connector, event_types, where].some((named) => named !== undefined);
}

export type FlowAction =
  | {
      type: "http";
      url: string;
      method?: string;
      headers?: Record<string, string>;
      body?: string;
      timeout_ms?: number;
    }
  | { type: "code"; handler: string };

/** How often and how soon a failed run is retried. */
export interface RetryPolicy {
  /** Includes the first attempt. */
  max_attempts: number;
  backoff: "exponential" | "fixed";
  delay_ms: number;
  max_delay_ms: number;
  /** The statuses of a target that end a run at once. See `isFatalStatus`, which has the default. */
  fatal_statuses?: number[];
}

export const DEFAULT_RETRY: RetryPolicy = {
  max_attempts: 5,
  backoff: "exponential",
  delay_ms: 1_000,
  max_delay_ms: 3_600_000,
};
