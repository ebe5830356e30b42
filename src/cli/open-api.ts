import { readFile } from "node:fs/promises";
import { type ApiClient, createApiClient } from "../client/api-client.ts";
import { HeadraceError } from "../domain/errors.ts";
import { readConfig } from "../wiring/config.ts";

/** The URL and key of the management API. The settings provide the defaults. */
export interface ApiOptions {
  url?: string;
  key?: string;
}

/**
 * Creates an API client from the options. Defaults to the public URL of the settings, and to HEADRACE_ADMIN_KEY or the
 * generated key of the embedded stores. Throws `invalid_setting` if there is no key.
 */
export async function openApi(options: ApiOptions, environment: NodeJS.ProcessEnv): Promise<ApiClient> {
  const { publicUrl, adminKey, dataDir } = readConfig(environment);
  const base = (options.url ?? publicUrl).replace(/\/$/, "");
  if (!URL.canParse(base)) throw new HeadraceError("invalid_setting", `--url is not a URL: ${base}`);
  const key = options.key ?? adminKey ?? (await readFile(`${dataDir}/admin-key`, "utf8").catch(() => ""));
  if (key.trim() === "") {
    throw new HeadraceError("invalid_setting", "There is no API key: give --key, or set HEADRACE_ADMIN_KEY");
  }
  return createApiClient(base, key.trim());
}
