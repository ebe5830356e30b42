import type { HandlerLine } from "../domain/flow/handler-call.ts";
import type { CauseOfEnd } from "./cause-of-end.ts";
import type { HostProcess } from "./host-process.ts";
import type { HostRequest, PageError, ToHost } from "./protocol.ts";

/** A compiled flow file. */
export interface CodeModule {
  file: string;
  /** A hash of path and text. */
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

/** The end of a call. */
export type PoolEnd =
  | { kind: "returned"; page?: unknown }
  | { kind: "threw"; error: PageError }
  | { kind: "aborted" }
  | { kind: "timed_out" }
  | ({ kind: "died" } & CauseOfEnd)
  | { kind: "refused"; reason: string; delayMs: number };

/** A host and its calls. */
export interface Host {
  process: HostProcess;
  state: "starting" | "ready" | "retiring";
  isAlone: boolean;
  /** The call that the host was started for. */
  reserved: PendingCall | undefined;
  /** Calls that it has received in total. */
  served: number;
  calls: Map<number, PendingCall>;
  loaded: Set<string>;
  startedMs: number;
  usedMs: number;
  pingedMs: number | undefined;
}

/** A call that has not ended: in a host, or waiting for one. */
export interface PendingCall {
  call: PoolCall;
  job: number;
  host: Host | undefined;
  sinceMs: number;
  /** How often another call ended its host. */
  deaths: number;
  needsFresh: boolean;
  timer: NodeJS.Timeout | undefined;
  settle: (end: PoolEnd) => void;
}
