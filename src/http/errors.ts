import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { type ErrorCode, HeadraceError } from "../domain/errors.ts";
import { storeFaultOf, TenantShareTaken } from "../postgres/core/faults.ts";
import type { Logger } from "../runtime/logger.ts";
import { ErrorBody } from "./error-schema.ts";
import { reference } from "./field-schemas.ts";
import { endWith } from "./server/connections.ts";

/** The status of every fault. What is 500 here is our own fault, and its message stays in the log. */
const STATUS: Record<ErrorCode, number> = {
  invalid_request: 400,
  unauthorized: 401,
  forbidden: 403,
  not_found: 404,
  conflict: 409,
  payload_too_large: 413,
  unsupported_media_type: 415,
  invalid_condition: 422,
  unprocessable: 422,
  unmatched: 422,
  unreadable: 422,
  rate_limited: 429,
  stopping: 503,
  store_unavailable: 503,
  store_unsuitable: 500,
  data_dir_in_use: 500,
  decryption_failed: 503,
  invalid_setting: 500,
};

/** How long a client does well to wait when the store is away, or the process stops, s. */
const RETRY_AFTER_SECONDS = 2;

/** What every route of the API may answer besides its successes, for its response schema. */
export const ERROR_RESPONSES = { "4xx": reference(ErrorBody), "5xx": reference(ErrorBody) };

/** Callbacks for requests that were not carried out. */
export interface ErrorWatch {
  log: Logger;
  /** Told of each request that is answered 503. */
  onUnavailable: (error: Error) => void;
  /** Told of each call that is answered 429 because too many of its tenant's are under way. */
  onTenantShareTaken: () => void;
}

/** Answers every error that a route or Fastify itself throws. */
export function createErrorHandler({ log, onUnavailable, onTenantShareTaken }: ErrorWatch) {
  return (error: FastifyError | Error, request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const fault = asFault(error);
    if (error instanceof TenantShareTaken) onTenantShareTaken();
    const { id: requestId, method, routeOptions } = request;
    const where = { err: error, request_id: requestId, method, route: routeOptions.url };
    if (fault.status === 401 && !reply.hasHeader("www-authenticate"))
      reply.header("www-authenticate", "Bearer");
    if (fault.code === "stopping") {
      return send(reply.header("retry-after", RETRY_AFTER_SECONDS), fault);
    }
    if (fault.status === 503) {
      // An outage comes with many of them at once: these are counted, and told of together.
      onUnavailable(error);
      log.debug(where, "a request could not be carried out now");
      reply.header("retry-after", RETRY_AFTER_SECONDS);
      return send(reply, { ...fault, message: "This cannot be stored or read now; try again" });
    }
    // What is left of the body is not read.
    if (fault.status === 413) reply.header("connection", "close");
    if (fault.status === 429 && !reply.hasHeader("retry-after")) {
      reply.header("retry-after", RETRY_AFTER_SECONDS);
    }
    if (fault.status < 500) return send(reply, fault);
    log.error(where, "a request failed");
    reply.header("x-request-id", requestId);
    const message = `Something failed here, not in the request: the log has the cause under request_id ${requestId}`;
    return send(reply, { status: fault.status, code: "internal", message });
  };
}

/** Answers what no route takes: 405 with the methods of the path where there are some, else 404. */
export function createNotFoundHandler(methodsOf: (path: string) => readonly string[]) {
  return (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const path = request.url.split("?", 1)[0] ?? "";
    const methods = methodsOf(path);
    if (methods.length === 0) {
      return send(reply, { status: 404, code: "not_found", message: `There is no ${path.slice(0, 200)}` });
    }
    const allowed = methods.join(", ");
    reply.header("allow", allowed);
    return send(reply, {
      status: 405,
      code: "method_not_allowed",
      message: `${path.slice(0, 200)} takes ${allowed}, not ${request.method}`,
    });
  };
}

/** Answers what is not even a request, on the bare socket, and closes it after `lingerMs` at the latest. */
export function createClientErrorHandler(lingerMs: number, onTimeout: () => void) {
  return (error: NodeJS.ErrnoException, socket: Socket): void => {
    if (error.code === "ERR_HTTP_REQUEST_TIMEOUT") onTimeout();
    if (error.code === "ECONNRESET" || !socket.writable) {
      socket.destroy();
      return;
    }
    endWith(socket, clientErrorAnswer(error), lingerMs);
  };
}

function clientErrorAnswer(error: NodeJS.ErrnoException): string {
  const [status, code] = CLIENT_ERRORS[error.code ?? ""] ?? [400, "invalid_request"];
  const body = JSON.stringify({ error: { code, message: STATUS_CODES[status] } });
  const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nContent-Type: application/json\r\nX-Content-Type-Options: nosniff\r\n`;
  return `${head}Content-Length: ${body.length}\r\nConnection: close\r\n\r\n${body}`;
}

const CLIENT_ERRORS: Record<string, [status: number, code: string]> = {
  HPE_HEADER_OVERFLOW: [431, "headers_too_large"],
  ERR_HTTP_REQUEST_TIMEOUT: [408, "request_timeout"],
};

/** What is answered: its message and details are fit to be shown unless the status says that it is our own fault. */
interface Fault {
  status: number;
  code: string;
  message: string;
  details?: HeadraceError["details"];
}

function asFault(error: FastifyError | Error): Fault {
  // Nothing is away: this one asks for too much at once.
  if (error instanceof TenantShareTaken) {
    return { status: STATUS.rate_limited, code: "rate_limited", message: error.message };
  }
  if (error instanceof HeadraceError) {
    const { code, message, details } = error;
    return { status: STATUS[code], code, message, details };
  }
  if (storeFaultOf(error) !== undefined) {
    return { status: STATUS.store_unavailable, code: "store_unavailable", message: error.message };
  }
  const {
    code = "",
    statusCode = 500,
    message,
    constraint,
    detail = "",
  } = error as FastifyError & { constraint?: string; detail?: string };
  const isHalf = code === "22P02" && detail.includes("surrogate");
  const known = isHalf ? UNSTORABLE : FOREIGN[constraint === undefined ? code : `${code}:${constraint}`];
  if (known !== undefined) return { status: STATUS[known.code], ...known };
  // What Fastify says of a malformed request may be shown.
  if (statusCode >= 400 && statusCode < 500) return { status: statusCode, code: "invalid_request", message };
  return { status: 500, code: "internal", message };
}

const UNSTORABLE = {
  code: "invalid_request",
  message: "A text holds the NUL character, or half of a surrogate pair, which cannot be stored",
} as const;

/** Errors of Fastify and of PostgreSQL that mean one of ours, by their codes. */
const FOREIGN: Record<string, { code: ErrorCode; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: "payload_too_large",
    message: "The body is larger than this route takes",
  },
  FST_ERR_CTP_INVALID_MEDIA_TYPE: {
    code: "unsupported_media_type",
    message: "The body must be JSON, with Content-Type: application/json",
  },
  FST_ERR_HANDLER_TIMEOUT: { code: "store_unavailable", message: "The deadline of the request has passed" },
  "22P05": UNSTORABLE,
  "22021": UNSTORABLE,
};

function send(reply: FastifyReply, { status, code, message, details }: Fault): FastifyReply {
  const body: Static<typeof ErrorBody> = {
    error: { code, message, ...(details === undefined ? {} : { details: [...details] }) },
  };
  // A route may have set the type of its success already.
  return reply.code(status).type("application/json; charset=utf-8").send(body);
}
