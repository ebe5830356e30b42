import type { NormalizedEvent } from "../event/event.ts";
import type { FlowDefinition } from "./flow.ts";
import type { Outcome } from "./outcome.ts";

/** One attempt at a run, as an action receives it. */
export interface RunAttempt {
  runId: string;
  tenantId: string;
  flowId: string;
  flowVersion: number;
  /** The fence of this process's lease on the run: its writes count while no later lease has been taken. */
  fence: number;
  /** Counts from 1. */
  attempt: number;
  /** The same on every attempt of this run, another for each replay. */
  idempotencyKey: string;
  event: NormalizedEvent;
  definition: FlowDefinition;
  /** The flow's secret for signing outgoing requests. */
  signingSecret: string;
  /** The replaced secret, which also signs until `untilMs`, ms since the epoch. */
  formerSecret?: { value: string; untilMs: number } | undefined;
  /** The tenant's secrets that the action uses, by name. One that does not exist is left out. */
  secrets: Readonly<Record<string, string>>;
  /**
   * Its signal is aborted when the lease is lost and when the process must stop. The signal is created on first access.
   */
  lease: { readonly signal: AbortSignal };
}

/** Carries out one kind of action. Never throws: a failure is an outcome. */
export type RunAction = (run: RunAttempt) => Promise<Outcome>;
