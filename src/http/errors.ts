import { STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import type { Static } from "typebox";
import { type ErrorCode, HeadraceError } from "../domain/errors.ts";
import { storeFaultOf, TenantShareTaken } from "../postgres/core/faults.ts";
import type { Logger } from "../runtime/logger.ts";
import { ErrorBody } from "./error-schema.ts";
import { reference } from "./field-schemas.ts";
import { closeGently, endWith } from "./server/connections.ts";

/** The HTTP status of every error code. A status of 500 is our own fault, and its message appears only in the log. */
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

/** Retry-After while the store is unavailable or the process stops, s. */
const RETRY_AFTER_SECONDS = 2;

/** The error responses of every route, for its response schema. */
export const ERROR_RESPONSES = { "4xx": reference(ErrorBody), "5xx": reference(ErrorBody) };

/** Callbacks for errors. */
export interface ErrorWatch {
  log: Logger;
  /** Called for each request that is answered 503. */
  onUnavailable: (error: Error) => void;
  /** Called for each call that is answered 429 because its tenant has too many calls in progress. */
  onTenantShareTaken: () => void;
  /** How long a client whose body is refused may go on sending it before the connection is reset, ms. */
  lingerMs: number;
}

/** Creates the handler of every error that a route or Fastify throws. */
export function createErrorHandler({ log, onUnavailable, onTenantShareTaken, lingerMs }: ErrorWatch) {
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
      // An outage causes many of these at once, so they are counted and logged together elsewhere.
      onUnavailable(error);
      log.debug(where, "the request cannot be served now");
      reply.header("retry-after", RETRY_AFTER_SECONDS);
      return send(reply, { ...fault, message: "The data cannot be stored or read now; try again" });
    }
    if (fault.status === 413) {
      reply.header("connection", "close");
      closeGently(request.raw.socket, lingerMs);
    }
    if (fault.status === 429 && !reply.hasHeader("retry-after")) {
      reply.header("retry-after", RETRY_AFTER_SECONDS);
    }
    if (fault.status < 500) return send(reply, fault);
    log.error(where, "the request failed");
    reply.header("x-request-id", requestId);
    const message = `Internal error: the log has the cause under request_id ${requestId}`;
    return send(reply, { status: fault.status, code: "internal", message });
  };
}

/** Creates the handler of unknown routes: 405 with the allowed methods if the path has some, else 404. */
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
      message: `${path.slice(0, 200)} allows ${allowed}, not ${request.method}`,
    });
  };
}

/** Creates the handler of malformed requests. It responds on the bare socket and closes it within `lingerMs`. */
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

/** An error response. Message and details can be shown to the client unless the status is 500. */
interface Fault {
  status: number;
  code: string;
  message: string;
  details?: HeadraceError["details"];
}

function asFault(error: FastifyError | Error): Fault {
  // The store is available, but one tenant has too many calls in progress.
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
  const isSurrogate = code === "22P02" && detail.includes("surrogate");
  const known = isSurrogate ? UNSTORABLE : FOREIGN[constraint === undefined ? code : `${code}:${constraint}`];
  if (known !== undefined) return { status: STATUS[known.code], ...known };
  // Fastify's messages about malformed requests can be shown.
  if (statusCode >= 400 && statusCode < 500) return { status: statusCode, code: "invalid_request", message };
  return { status: 500, code: "internal", message };
}

const UNSTORABLE = {
  code: "invalid_request",
  message: "A text contains the NUL character or a lone surrogate, which cannot be stored",
} as const;

/** Errors of Fastify and PostgreSQL that correspond to one of ours, by their codes. */
const FOREIGN: Record<string, { code: ErrorCode; message: string }> = {
  FST_ERR_CTP_BODY_TOO_LARGE: {
    code: "payload_too_large",
    message: "The body is larger than this route allows",
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
  // A route may already have set the content type of its success.
  return reply.code(status).type("application/json; charset=utf-8").send(body);
}
