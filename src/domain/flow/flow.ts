import type { Condition } from "../condition/ast.ts";
import type { Priority } from "../priority.ts";
import type { Schedule } from "./schedule.ts";

/** A flow as it is stored and run: its trigger, its action, and how it is retried. Never changed once stored. */
export interface FlowDefinition {
  name?: string;
  trigger: Trigger;
  action: FlowAction;
  retry: RetryPolicy;
  /** Runs that are under way at once, over all workers. */
  concurrency?: number;
  /** Attempts that begin within any one second, over all workers. */
  rate_limit?: { per_second: number };
  /** A path as in conditions: runs of events with the same value there go one after the other, in event order. */
  order_by?: string;
  /** Whether a dead run holds up what comes after it under its key; "block" where there is an order and nothing else said. */
  on_order_failure?: "block" | "skip";
  /** A deploy takes in the tenant's past events from this time on (RFC 3339), or none ("now", or left out). */
  enabled_from?: string;
}

/** What routing asks of a flow: it carries out no action. */
export type RoutedDefinition = Omit<FlowDefinition, "action">;

/**
 * Which events start a flow: of one connector or any, of the types named or any, and meeting the condition. The ticks
 * of a schedule start it whatever the rest says, and events besides only where the rest says something.
 */
export interface Trigger {
  connector?: string;
  /** Exact names, or a prefix with a star at its end: `order.*`. */
  event_types?: string[];
  where?: Condition;
  /** Overrides the event's priority for the runs of this flow. */
  priority?: Priority;
  /** Starts the flow at its ticks. */
  schedule?: Schedule;
}

/** False for a trigger that names a schedule and nothing of events: its ticks alone start the flow. */
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

/** How often and how soon a failed run is tried again. */
export interface RetryPolicy {
  /** Counts the first attempt. */
  max_attempts: number;
  backoff: "exponential" | "fixed";
  delay_ms: number;
  max_delay_ms: number;
}

export const DEFAULT_RETRY: RetryPolicy = {
  max_attempts: 5,
  backoff: "exponential",
  delay_ms: 1_000,
  max_delay_ms: 3_600_000,
};
