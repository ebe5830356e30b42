import type { HandedRun, HandlerLine, ThrownError } from "../domain/flow/handler-call.ts";

/** The request for a page of a source in code. */
export interface HandedPage {
  cursor: string | undefined;
  params: Readonly<Record<string, string>>;
  credentials: Readonly<Record<string, string>>;
}

/** The bounds that a host keeps by itself. */
export interface ChildBounds {
  steps: { maxSteps: number; maxResultBytes: number; maxRunBytes: number };
  log: { maxLines: number; maxBytes: number; maxLineBytes: number };
  /** The JSON of one page of a source in code, bytes. */
  maxPageBytes: number;
  /** A run that leaves a timer behind ends when the timer has fired, if that is within this time, ms. */
  lingerMs: number;
}

/** A message to a host: one line of JSON. */
export type ToHost =
  | { kind: "configure"; bounds: ChildBounds }
  | { kind: "load"; module: string; file: string; text: string }
  | { kind: "run"; job: number; owner: string; module: string; run: HandedRun }
  | { kind: "page"; job: number; owner: string; module: string; page: HandedPage }
  | { kind: "abort"; job: number; reason: { name: string; message: string } }
  | { kind: "reply"; job: number; request: number; value?: unknown; error?: string }
  | { kind: "ping" };

/** The definition in a flow file. */
export type Definition = { kind: "flow"; id: string; options?: unknown } | { kind: "source"; id: string };

/** A request of a job's code to the server. */
export type HostRequest = { kind: "steps" } | { kind: "keep"; name: string; result: string | null };

/** An error of `fetchPage`, with what tells a provider's limit from a failure. */
export interface PageError extends ThrownError {
  status?: number;
  retryAfterSeconds?: number;
  /** Set where the page itself could not be sent. */
  code?: string;
}

export type FromHost =
  | { kind: "ready" }
  | { kind: "pong" }
  | { kind: "loaded"; module: string; definition: Definition }
  /** The file cannot be imported, or `imported` and defines nothing. */
  | { kind: "unloadable"; module: string; imported: boolean; error: ThrownError }
  | { kind: "returned"; job: number; page?: unknown; dropped?: number }
  | { kind: "threw"; job: number; error: PageError; dropped?: number }
  | { kind: "request"; job: number; request: number; ask: HostRequest }
  | ({ kind: "line"; job: number } & HandlerLine)
  /** Something that a handler, or a file when it was loaded, left behind has thrown. */
  | { kind: "stray"; owner: string; error: ThrownError };

/** The last message of a host before it ends, on a pipe of its own: the thread that says it may not be the one that hangs. */
export interface LastWords {
  kind: "stuck" | "memory" | "uncaught" | "exit";
  /** The job in whose code the host was, where that is known. */
  job?: number | undefined;
  owner?: string | undefined;
  message: string;
  stack?: string | undefined;
}

/** The descriptors of a host besides standard output and error. */
export const CHANNEL_FD = 3;
export const WORDS_FD = 4;

/** Takes chunks of text and calls `onLine` for each whole line. Throws when a line is longer than `maxLength`. */
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
