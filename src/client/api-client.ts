import { ERROR_CODES, type ErrorCode, HeadraceError } from "../domain/errors.ts";

/** Calls the management API. */
export interface ApiClient {
  /** The answer's body; throws the API's own error, `not_found` among them. */
  call<Body = unknown>(method: string, path: string, body?: unknown): Promise<Body>;
}

/** A call takes no longer, ms. */
const TIMEOUT_MS = 30_000;

/** Opens a client of the API at `base`, without a slash at its end. */
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
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
        signal: AbortSignal.timeout(TIMEOUT_MS),
      }).catch((cause: Error) => {
        const reason = cause.cause instanceof Error ? cause.cause.message : cause.message;
        throw new HeadraceError("store_unavailable", `${base} does not answer: ${reason}`, { cause });
      });
      const text = await response.text();
      if (!response.ok) throw asError(`${method} ${url}`, response.status, text);
      return (text === "" ? undefined : JSON.parse(text)) as Body;
    },
  };
}

function asError(call: string, status: number, text: string): HeadraceError {
  const { code, message } = readError(text);
  const known = ERROR_CODES.find((one) => one === code) ?? ("store_unavailable" satisfies ErrorCode);
  return new HeadraceError(known, message ?? `${call} answered ${status}`);
}

function readError(text: string): { code?: string; message?: string } {
  try {
    return JSON.parse(text).error ?? {};
  } catch {
    return {};
  }
}
