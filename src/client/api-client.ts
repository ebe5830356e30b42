import { ERROR_CODES, type ErrorCode, HeadraceError } from "../domain/errors.ts";
import { writeJson } from "../domain/json/exact-number.ts";
import { readJson } from "../domain/json/parse-text.ts";

/** A client of the management API. Numbers of events keep their digits: `writeJson` prints them. */
export interface ApiClient {
  /** Returns the body of the response. Throws the error of the API, for example `not_found`. */
  call<Body = unknown>(method: string, path: string, body?: unknown): Promise<Body>;
}

/** The time-out of a call, ms. */
const TIMEOUT_MS = 30_000;

/** Creates a client of the API at `base`, a URL without a trailing slash. */
export function createApiClient(base: string, key: string): ApiClient {
  return {
    async call<Body>(method: string, path: string, body?: unknown) {
      const url = `${base}/api/v1${path}`;
      const response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${key}`,
          ...(body === undefined ? {} : { "content-type": "application/json" }),
        },
        ...(body === undefined ? {} : { body: writeJson(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch((cause: Error) => {
        const reason = cause.cause instanceof Error ? cause.cause.message : cause.message;
        throw new HeadraceError("store_unavailable", `${base} does not answer: ${reason}`, { cause });
      });
      const text = await response.text();
      if (!response.ok) throw errorOf(`${method} ${url}`, response.status, text);
      return (text === "" ? undefined : readJson(text)) as Body;
    },
  };
}

function errorOf(call: string, status: number, text: string): HeadraceError {
  const { code, message } = readError(text);
  const known = ERROR_CODES.find((one) => one === code) ?? ("store_unavailable" satisfies ErrorCode);
  return new HeadraceError(known, message ?? `${call} failed with status ${status}`);
}

function readError(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {};
  }
}
