import { readFile } from "node:fs/promises";
import { ERROR_CODES, type ErrorCode, HeadraceError } from "../domain/errors.ts";
import { readConfig } from "./config.ts";

/** Where the management API is, and with which key; what is left out comes from the settings. */
export interface ApiOptions {
  url?: string;
  key?: string;
}

/** Calls the management API. */
export interface ApiClient {
  /** The answer's body; throws the API's own error, `not_found` among them. */
  call<Body = unknown>(method: string, path: string, body?: unknown): Promise<Body>;
}

/** A call takes no longer, ms. */
const TIMEOUT_MS = 30_000;

/**
 * A client of the process that the settings describe: its URL, and HEADRACE_ADMIN_KEY or the key that was made with
 * the embedded stores. Throws `invalid_setting` where there is no key.
 */
export async function openApi(options: ApiOptions, environment: NodeJS.ProcessEnv): Promise<ApiClient> {
  const { publicUrl, adminKey, dataDir } = readConfig(environment);
  const base = (options.url ?? publicUrl).replace(/\/$/, "");
  if (!URL.canParse(base)) throw new HeadraceError("invalid_setting", `--url is no URL: ${base}`);
  const key = options.key ?? adminKey ?? (await readFile(`${dataDir}/admin-key`, "utf8").catch(() => ""));
  if (key.trim() === "") {
    throw new HeadraceError("invalid_setting", "There is no API key: give --key, or set HEADRACE_ADMIN_KEY");
  }
  return {
    async call<Body>(method: string, path: string, body?: unknown) {
      const url = `${base}/api/v1${path}`;
      const response = await fetch(url, {
        method,
        headers: {
          authorization: `Bearer ${key.trim()}`,
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
