import type { NormalizedEvent } from "../event/event.ts";

/** An event as a handler gets it. Its numbers are JavaScript numbers. */
export interface HandledEvent extends Omit<NormalizedEvent, "dataText"> {
  /** The JSON text of the data, in which every number has the digits that came. */
  json: string;
}

/** The arguments of a handler, as sent to its host process. The data of the event is sent as its text alone. */
export interface HandedRun {
  event: Omit<HandledEvent, "data">;
  /** Counts from 1. */
  attempt: number;
  idempotencyKey: string;
}

/** Returns the event of a handler. */
export function handledEvent({ event }: HandedRun): HandledEvent {
  return { ...event, data: JSON.parse(event.json) };
}

/** One line that a handler logged; `fields` are plain JSON. */
export interface HandlerLine {
  level: "info" | "warn" | "error";
  message: string;
  fields?: Record<string, unknown> | undefined;
}

/** One call of a handler, as the server makes it, with the callbacks for the handler's requests. */
export interface HandlerCall {
  run: HandedRun;
  /** Identifies the run, so that a later attempt is recognised if an earlier one crashed its host. */
  runId: string;
  /** The owner of the code. Code that crashes hosts repeatedly is isolated by owner. */
  owner: string;
  /** Aborted when the caller no longer waits for the result. */
  signal: AbortSignal;
  timeoutMs: number;
  onLine: (line: HandlerLine) => void;
  /** Called with the number of lines dropped over the attempt's log limit. */
  onDropped: (lines: number) => void;
  /** Returns the results of finished steps by name, as JSON; null for undefined. */
  loadSteps: () => Promise<ReadonlyMap<string, string | null>>;
  /** Stores the result of a step. Throws with the reason if it cannot. */
  keepStep: (name: string, result: string | null) => Promise<void>;
}

/** An error thrown by a handler, as plain text of bounded length. */
export interface ThrownError {
  message: string;
  stack?: string | undefined;
  /** The step that threw it. */
  step?: string | undefined;
  /** Set if a retry cannot help. The code of the error of the run. */
  endsRunAs?: "HANDLER_THREW" | "STEP_NOT_KEPT" | undefined;
  /** When the next attempt begins, ms from now; undefined for the flow's back-off. */
  retryInMs?: number | undefined;
}

/** How a call ended. */
export type HandlerEnd =
  | { kind: "returned" }
  | { kind: "threw"; error: ThrownError }
  /** The signal was aborted. */
  | { kind: "aborted" }
  | { kind: "timed_out" }
  /** The handler crashed its host while it was alone in it. */
  | { kind: "died"; code: string; message: string; stack?: string | undefined }
  /** The handler was not called: no host has room. */
  | { kind: "refused"; reason: string; delayMs: number };

/** Calls one handler. Never throws. */
export type CallHandler = (call: HandlerCall) => Promise<HandlerEnd>;
