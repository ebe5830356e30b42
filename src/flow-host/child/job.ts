import { type HandedRun, handledEvent, type ThrownError } from "../../domain/flow/handler-call.ts";
import { createRedactor } from "../../runtime/redact.ts";
import type { HandlerContext, RunStep } from "../../sdk/index.ts";
import type { ChildBounds, FromHost, HandedPage, HostRequest } from "../protocol.ts";
import { textOf } from "./describe.ts";
import { plainCopy } from "./plain.ts";
import { createRunSteps, StepsUnderWay } from "./steps.ts";

/** One call of a handler or of `fetchPage`. It is the async context of the code that the call starts. */
export class Job {
  readonly number: number;
  readonly owner: string;
  isSettled = false;
  hasFailed = false;
  readonly steps = new StepsUnderWay();
  /** The first error of a run that waits for its steps to end. */
  failure: ThrownError | undefined;
  readonly #deadlineMs: number;
  /** Timers and immediates that its code has created. */
  readonly timers: object[] = [];
  /** Log lines that were dropped. */
  droppedLines = 0;
  readonly #send: (message: FromHost) => void;
  readonly #bounds: ChildBounds;
  #abort: AbortController | undefined;
  #abortedBy: Error | undefined;
  #lines = 0;
  #lineBytes = 0;
  #requests = 0;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();

  constructor(
    { job, owner }: { job: number; owner: string },
    bounds: ChildBounds,
    send: (message: FromHost) => void,
    timeoutMs: number,
  ) {
    // Ahead of the server's deadline, which has no room for the job's own error.
    this.#deadlineMs = performance.now() + timeoutMs - Math.min(1_000, timeoutMs / 10);
    this.number = job;
    this.owner = owner;
    this.#bounds = bounds;
    this.#send = send;
  }

  /** The time until the job has to end, ms. */
  get leftMs(): number {
    return Math.max(this.#deadlineMs - performance.now(), 0);
  }

  get signal(): AbortSignal {
    this.#abort ??= new AbortController();
    if (this.#abortedBy !== undefined) this.#abort.abort(this.#abortedBy);
    return this.#abort.signal;
  }

  abort({ name, message }: { name: string; message: string }): void {
    this.#abortedBy = name === "Error" ? new Error(message) : new DOMException(message, name);
    this.#abort?.abort(this.#abortedBy);
    for (const { reject } of this.#waiting.values()) reject(this.#abortedBy);
    this.#waiting.clear();
  }

  /** Sends a request to the server and resolves with its reply. */
  request(ask: HostRequest): Promise<unknown> {
    if (this.#abortedBy !== undefined) return Promise.reject(this.#abortedBy);
    const id = ++this.#requests;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#send({ kind: "request", job: this.number, request: id, ask });
    });
  }

  /** Settles a request with the reply of the server. */
  onReply(request: number, { value, error }: { value?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(request);
    this.#waiting.delete(request);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }

  readonly log = {
    info: (message: string, fields?: Record<string, unknown>) => this.#line("info", message, fields),
    warn: (message: string, fields?: Record<string, unknown>) => this.#line("warn", message, fields),
    error: (message: string, fields?: Record<string, unknown>) => this.#line("error", message, fields),
  };

  /** Sends a log line within the bounds. Never throws. */
  #line(level: "info" | "warn" | "error", text: unknown, given: unknown): void {
    if (this.isSettled) return;
    const { maxLines, maxBytes, maxLineBytes } = this.#bounds.log;
    if (this.#lines >= maxLines || this.#lineBytes >= maxBytes) {
      this.droppedLines += 1;
      return;
    }
    const message = textOf(text).slice(0, maxLineBytes);
    redactor ??= createRedactor();
    // A copy, since redacting writes to an object and takes the longer the larger it is.
    const fields = given === undefined ? undefined : redactor(plainCopy(given, 2 * maxLineBytes));
    const size = message.length + (fields === undefined ? 0 : JSON.stringify(fields).length);
    this.#lines += 1;
    this.#lineBytes += Math.min(size, maxLineBytes);
    const kept = size > maxLineBytes ? { shortened: true } : fields;
    this.#send({
      kind: "line",
      job: this.number,
      level,
      message,
      ...(kept !== undefined && { fields: kept }),
    });
  }
}

/** Created for the first line with fields, because pino is slow to load. */
let redactor: ReturnType<typeof createRedactor> | undefined;

/** The argument of a handler. A class, because V8 keeps the shape of each object literal with a getter until a full collection. */
export class RunContext implements HandlerContext {
  readonly event: HandlerContext["event"];
  readonly attempt: number;
  readonly idempotencyKey: string;
  readonly log: HandlerContext["log"];
  readonly step: RunStep;
  readonly #job: Job;

  constructor(job: Job, run: HandedRun, bounds: ChildBounds["steps"]) {
    this.event = handledEvent(run);
    this.attempt = run.attempt;
    this.idempotencyKey = run.idempotencyKey;
    this.log = job.log;
    this.#job = job;
    const store = {
      load: async () => new Map((await job.request({ kind: "steps" })) as [string, string | null][]),
      async keep(name: string, result: string | null) {
        await job.request({ kind: "keep", name, result });
      },
    };
    this.step = createRunSteps(run, job, store, bounds, job.steps);
  }

  get signal(): AbortSignal {
    return this.#job.signal;
  }
}

/** Returns the argument of `fetchPage`. */
export function pageContext(job: Job, { cursor, params, credentials }: HandedPage) {
  return { cursor, params, credentials, signal: job.signal, log: job.log };
}
