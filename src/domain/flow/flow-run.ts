import type { NormalizedEvent } from "../event/event.ts";
import type { FlowDefinition } from "./flow.ts";
import type { Outcome } from "./outcome.ts";

/** What an action is given for one attempt at a run. */
export interface RunAttempt {
  runId: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  /** Under which this process holds the run: what it writes for the run counts while this is the newest. */
  fence: number;
  /** Counts from 1. */
  attempt: number;
  /** The same on every attempt of this run, another for each replay. */
  idempotencyKey: string;
  event: NormalizedEvent;
  definition: FlowDefinition;
  /** The flow's secret, for signing what goes out. */
  signingSecret: string;
  /** The one that it replaced, which signs beside it until then, ms since the epoch. */
  formerSecret?: { value: string; untilMs: number } | undefined;
  /** The tenant's secrets that the action takes, by name; one that does not exist is not there. */
  secrets: Readonly<Record<string, string>>;
  /**
   * Its signal is aborted when the run is no longer this process's to finish, and when the process must end. It is made
   * when it is asked for.
   */
  hold: { readonly signal: AbortSignal };
}

/** Carries out one kind of action. Never throws: what goes wrong is an outcome. */
export type RunAction = (run: RunAttempt) => Promise<Outcome>;
