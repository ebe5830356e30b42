import type { NormalizedEvent } from "../event/event.ts";

/** The arguments of a handler, as they cross to the process that runs it. */
export interface HandedRun {
  event: NormalizedEvent;
  /** Counts from 1. */
  attempt: number;
  idempotencyKey: string;
}

/** One line that a handler logged; `fields` are plain JSON. */
export interface HandlerLine {
  level: "info" | "warn" | "error";
  message: string;
  fields?: Record<string, unknown> | undefined;
}

/** One call of a handler, seen from the server: what its code may ask for while it runs. */
export interface HandlerCall {
  run: HandedRun;
  /** Names the run, so that a later attempt of one that ended its host is known again. */
  runId: string;
  /** Whose code it is: what ends hosts again and again runs apart by this name. */
  owner: string;
  /** Aborted when nobody waits for the call any more. */
  signal: AbortSignal;
  timeoutMs: number;
  onLine: (line: HandlerLine) => void;
  /** Lines that the host did not pass on, because the attempt had logged enough. */
  onDropped: (lines: number) => void;
  /** The results of finished steps by name, as JSON; null for one that gave undefined. */
  loadSteps: () => Promise<ReadonlyMap<string, string | null>>;
  /** Keeps the result of a step. Throws with the reason when it is not kept. */
  keepStep: (name: string, result: string | null) => Promise<void>;
}

/** An error that a handler threw, as plain text of bounded length. */
export interface ThrownError {
  message: string;
  stack?: string | undefined;
  /** The step that it ended. */
  step?: string | undefined;
}

/** How a call ended. */
export type HandlerEnd =
  | { kind: "returned" }
  | { kind: "threw"; error: ThrownError }
  /** The signal was aborted. */
  | { kind: "aborted" }
  | { kind: "timed_out" }
  /** The handler ended its host, alone in it. */
  | { kind: "died"; code: string; message: string; stack?: string | undefined }
  /** The handler was not called: there is no room for it now. */
  | { kind: "refused"; reason: string; delayMs: number };

/** Calls one handler. Never throws. */
export type CallHandler = (call: HandlerCall) => Promise<HandlerEnd>;
