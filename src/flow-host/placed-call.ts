import type { HandlerLine } from "../domain/flow/handler-call.ts";
import type { CauseOfEnd } from "./cause-of-end.ts";
import type { HostProcess } from "./host-process.ts";
import type { HostRequest, PageError, ToHost } from "./protocol.ts";

/** A compiled flow file. */
export interface CodeModule {
  file: string;
  /** Names the text. */
  hash: string;
  text: string;
}

/** One call of a module's code. */
export interface PoolCall {
  runId: string;
  owner: string;
  module: CodeModule;
  message: (job: number) => ToHost;
  timeoutMs: number;
  signal: AbortSignal;
  onLine: (line: HandlerLine) => void;
  onDropped: (lines: number) => void;
  answer: (ask: HostRequest) => Promise<unknown>;
}

export type PoolEnd =
  | { kind: "returned"; page?: unknown }
  | { kind: "threw"; error: PageError }
  | { kind: "aborted" }
  | { kind: "timed_out" }
  | ({ kind: "died" } & CauseOfEnd)
  | { kind: "refused"; reason: string; delayMs: number };

/** A host, and what it was given. */
export interface Host {
  process: HostProcess;
  state: "starting" | "ready" | "retiring";
  isAlone: boolean;
  /** A call that it was started for. */
  reserved: Placed | undefined;
  /** Calls that it was given in all. */
  served: number;
  calls: Map<number, Placed>;
  loaded: Set<string>;
  startedMs: number;
  usedMs: number;
  pingedMs: number | undefined;
}

/** A call on its way: in a host, or waiting for one. */
export interface Placed {
  call: PoolCall;
  job: number;
  host: Host | undefined;
  sinceMs: number;
  /** How often the host that it was in ended by another. */
  deaths: number;
  needsFresh: boolean;
  timer: NodeJS.Timeout | undefined;
  settle: (end: PoolEnd) => void;
}
