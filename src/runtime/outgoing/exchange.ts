import type { Client, Dispatcher } from "undici";
import type { Connections } from "./connections.ts";
import { TargetRefused } from "./guarded-connect.ts";
import type { OutgoingMethod } from "./request-rules.ts";

/** One request to a target whose URL is valid. */
export interface ExchangeRequest {
  /** Scheme, host and port: the only part of the URL that an error message may show. */
  origin: string;
  owner: string | undefined;
  path: string;
  method: OutgoingMethod;
  headers: Readonly<Record<string, string>>;
  body: string | Buffer | undefined;
  timeoutMs: number;
  maxResponseBytes: number;
  statusDecides: boolean;
  signal: AbortSignal | undefined;
}

/** The result of a request. No message holds a header, a body, or more of the URL than its origin. */
export type OutgoingResult =
  /**
   * The target answered, with any status. Header names are lower-case; repeated headers are joined. The body is
   * `truncated` above the bound, and where the status decides also if it never ended or broke off.
   */
  | { kind: "response"; status: number; headers: Record<string, string>; body: Buffer; truncated: boolean }
  /** Nothing was sent and a retry would not help: the address rules forbid the target, or the request is malformed. */
  | { kind: "refused"; code: "TARGET_REFUSED" | "REQUEST_INVALID"; message: string }
  /** No complete response came; the target may have received the request nevertheless. */
  | { kind: "failed"; code: "TIMEOUT" | "CONNECTION" | "OVERLOADED" | "ABORTED"; message: string };

type Failure = Exclude<OutgoingResult, { kind: "response" }>;

/**
 * Sends one request and reads its response. `timeoutMs` covers all of it: the wait for a free connection, connecting,
 * the headers and the body. A body above `maxResponseBytes` is cut off and `truncated`. A target may close a connection
 * while it is idle: a request that met this, without a byte of an answer, is sent once more on a new connection, if it
 * may be repeated. Never rejects.
 */
export function exchange(connections: Connections, request: ExchangeRequest): Promise<OutgoingResult> {
  return new Promise((resolve) => {
    new Exchange(connections, request, resolve).start();
  });
}

class Exchange implements Dispatcher.DispatchHandler {
  readonly #connections: Connections;
  readonly #request: ExchangeRequest;
  #resolve: ((result: OutgoingResult) => void) | undefined;
  #timer: NodeJS.Timeout | undefined;
  #connection: Client | undefined;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #headers: Record<string, string> = {};
  readonly #chunks: Buffer[] = [];
  #bytes = 0;
  #isResent = false;

  constructor(connections: Connections, request: ExchangeRequest, resolve: (result: OutgoingResult) => void) {
    this.#connections = connections;
    this.#request = request;
    this.#resolve = resolve;
  }

  start(): void {
    const { origin, owner, signal, timeoutMs } = this.#request;
    signal?.addEventListener("abort", this.#onAbort, { once: true });
    this.#timer = setTimeout(() => this.#stop(failed("TIMEOUT", this.#timeoutMessage(timeoutMs))), timeoutMs);
    if (signal?.aborted) {
      this.#onAbort();
    } else if (!this.#connections.take(origin, this.#onConnection, owner)) {
      this.#settle(failed("OVERLOADED", `Too many requests to ${origin}, or in total, are under way`));
    }
  }

  readonly #onConnection = (connection: Client | undefined): void => {
    this.#connection = connection;
    const { path, method, headers, body } = this.#request;
    if (connection === undefined) this.#settle(STOPPING);
    else connection.dispatch({ path, method, headers, body: body ?? null }, this);
  };

  readonly #onAbort = (): void => {
    this.#stop(failed("ABORTED", `The request to ${this.#request.origin} was aborted by its caller`));
  };

  /** Called before the request is written to an open connection. */
  onRequestStart(controller: Dispatcher.DispatchController): void {
    this.#controller = controller;
    this.#wire?.begin();
    // Aborted while the connection was opening.
    if (this.#resolve === undefined) controller.abort(ABORTED);
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    // Interim responses (103) come first and are overwritten.
    this.#status = status;
    this.#headers = joinValues(headers);
    if (status >= 200) this.#wire?.onHead();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    const room = this.#request.maxResponseBytes - this.#bytes;
    this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
    this.#bytes += chunk.length;
    if (chunk.length <= room) return;
    this.#settle(this.#response(true));
    controller.abort(ABORTED);
  }

  onResponseEnd(): void {
    this.#settle(this.#response(false));
    this.#connections.give(this.#connection as Client, true);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    const mayResend = this.#mayResend(error);
    if (!mayResend) this.#fail(failureOf(error, this.#request.origin));
    // In a stack of its own: a waiting request may fail at once and return the connection again.
    queueMicrotask(() => {
      const connection = this.#connection as Client;
      if (mayResend && this.#resolve !== undefined) this.#resend(connection);
      else this.#connections.give(connection, false);
    });
  }

  get #wire() {
    return this.#connection && this.#connections.wireOf(this.#connection);
  }

  #mayResend(error: Error & { code?: string }): boolean {
    if (this.#resolve === undefined || this.#isResent || this.#controller === undefined) return false;
    const { method, headers } = this.#request;
    const isRepeatable =
      (method !== "POST" && method !== "PATCH") || headers["idempotency-key"] !== undefined;
    return isRepeatable && error.code !== "UND_ERR_DESTROYED" && this.#wire?.wasClosedWhileIdle === true;
  }

  #resend(connection: Client): void {
    this.#isResent = true;
    this.#controller = undefined;
    this.#onConnection(this.#connections.replace(connection));
  }

  #response(truncated: boolean): OutgoingResult {
    const body = Buffer.concat(this.#chunks);
    return { kind: "response", status: this.#status, headers: this.#headers, body, truncated };
  }

  /** Settles with the answer if its status has arrived and decides, else with the failure. */
  #fail(failure: Failure): void {
    if (!this.#request.statusDecides || this.#resolve === undefined) {
      this.#settle(failure);
      return;
    }
    if (this.#status < 200) {
      const head = this.#wire?.readHead();
      if (head !== undefined) ({ status: this.#status, headers: this.#headers } = head);
    }
    this.#settle(this.#status < 200 ? failure : this.#response(true));
  }

  #stop(failure: Failure): void {
    this.#fail(failure);
    this.#connections.withdraw(this.#request.origin, this.#onConnection, this.#request.owner);
    this.#controller?.abort(ABORTED);
  }

  #settle(result: OutgoingResult): void {
    clearTimeout(this.#timer);
    this.#request.signal?.removeEventListener("abort", this.#onAbort);
    this.#resolve?.(result);
    this.#resolve = undefined;
  }

  #timeoutMessage(timeoutMs: number): string {
    const { origin } = this.#request;
    if (this.#status > 0) return `The response of ${origin} did not end within ${timeoutMs} ms`;
    if (this.#controller !== undefined) return `${origin} did not answer within ${timeoutMs} ms`;
    if (this.#connection !== undefined)
      return `No connection to ${origin} was established within ${timeoutMs} ms`;
    return `No connection to ${origin} was free within ${timeoutMs} ms`;
  }
}

const ABORTED = new Error("The request was aborted");

/** The error codes of undici for a request that it refuses to send. */
const UNSENDABLE = ["UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"];

function failureOf(error: Error & { code?: string }, origin: string): Failure {
  if (error instanceof TargetRefused) {
    return { kind: "refused", code: "TARGET_REFUSED", message: error.message };
  }
  const code = error.code ?? error.name;
  if (UNSENDABLE.includes(code)) {
    return {
      kind: "refused",
      code: "REQUEST_INVALID",
      message: `The request cannot be sent: ${error.message}`,
    };
  }
  if (code === "UND_ERR_DESTROYED") return STOPPING;
  if (code === "UND_ERR_CONNECT_TIMEOUT")
    return failed("TIMEOUT", `${origin} took too long to accept a connection`);
  return failed("CONNECTION", `The connection to ${origin} failed (${code})`);
}

const STOPPING = failed("ABORTED", "This process is stopping");

function failed(code: Extract<OutgoingResult, { kind: "failed" }>["code"], message: string): Failure {
  return { kind: "failed", code, message };
}

function joinValues(headers: Record<string, string | string[] | undefined>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]),
  );
}
