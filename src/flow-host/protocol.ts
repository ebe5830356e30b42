import type { HandedRun, HandlerLine, ThrownError } from "../domain/flow/handler-call.ts";

/** The request for a page of a source in code. */
export interface HandedPage {
  cursor: string | undefined;
  params: Readonly<Record<string, string>>;
  credentials: Readonly<Record<string, string>>;
}

/** The bounds that a host enforces itself. */
export interface ChildBounds {
  steps: { maxSteps: number; maxResultBytes: number; maxRunBytes: number };
  log: { maxLines: number; maxBytes: number; maxLineBytes: number };
  /** The size of a page of a source in code, bytes of JSON. */
  maxPageBytes: number;
  /** A run whose timers fire within this time ends after they have fired, ms. */
  lingerMs: number;
}

/** A message to a host: one line of JSON. */
export type ToHost =
  | { kind: "configure"; bounds: ChildBounds }
  | { kind: "load"; module: string; file: string; text: string }
  | { kind: "run"; job: number; owner: string; module: string; run: HandedRun; timeoutMs: number }
  | { kind: "page"; job: number; owner: string; module: string; page: HandedPage }
  | { kind: "abort"; job: number; reason: { name: string; message: string } }
  | { kind: "reply"; job: number; request: number; value?: unknown; error?: string }
  | { kind: "ping" };

/** The definition in a flow file. */
export type Definition = { kind: "flow"; id: string; options?: unknown } | { kind: "source"; id: string };

/** A request of a job's code to the server. */
export type HostRequest = { kind: "steps" } | { kind: "keep"; name: string; result: string | null };

/** An error of `fetchPage`, with the fields for a provider's rate limit. */
export interface PageError extends ThrownError {
  status?: number;
  retryAfterSeconds?: number;
  /** Set if the page could not be sent. */
  code?: string;
}

/** A message of a host: one line of JSON. */
export type FromHost =
  | { kind: "ready" }
  | { kind: "pong" }
  | { kind: "loaded"; module: string; definition: Definition }
  /** The file could not be imported; or it was `imported` and defines nothing. */
  | { kind: "unloadable"; module: string; imported: boolean; error: ThrownError }
  | { kind: "returned"; job: number; page?: unknown; dropped?: number }
  | { kind: "threw"; job: number; error: PageError; dropped?: number }
  | { kind: "request"; job: number; request: number; ask: HostRequest }
  | ({ kind: "line"; job: number } & HandlerLine)
  /** An error that was thrown after a handler or a load had ended. */
  | { kind: "stray"; owner: string; error: ThrownError };

/** The last message of a host before it ends. It has its own pipe, since another thread may hang. */
export interface EndReport {
  kind: "stuck" | "memory" | "uncaught" | "exit";
  /** The job whose code was running, if known. */
  job?: number | undefined;
  owner?: string | undefined;
  message: string;
  stack?: string | undefined;
}

/** The descriptor of the messages of a host. */
export const CHANNEL_FD = 3;
/** The descriptor of the end report of a host. */
export const REPORT_FD = 4;

/** Creates a function that takes chunks and calls `onLine` for each whole line. It throws for a line above `maxLength`. */
export function createLineReader(maxLength: number, onLine: (line: string) => void): (chunk: string) => void {
  let rest: string[] = [];
  let restLength = 0;
  return (chunk) => {
    let from = 0;
    for (let to = chunk.indexOf("\n"); to !== -1; to = chunk.indexOf("\n", from)) {
      const end = chunk.slice(from, to);
      const line = restLength === 0 ? end : rest.join("") + end;
      rest = [];
      restLength = 0;
      from = to + 1;
      onLine(line);
    }
    if (from === chunk.length) return;
    rest.push(chunk.slice(from));
    restLength += chunk.length - from;
    if (restLength > maxLength) throw new Error(`A message has more than ${maxLength} characters`);
  };
}
