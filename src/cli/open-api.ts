import { readFile } from "node:fs/promises";
import { type ApiClient, createApiClient } from "../client/api-client.ts";
import { HeadraceError } from "../domain/errors.ts";
import { readConfig } from "../wiring/config.ts";

/** Where the management API is, and with which key; the settings give what is left out. */
export interface ApiOptions {
  url?: string;
  key?: string;
}

/**
 * Opens a client of the process that the settings describe: its URL, and HEADRACE_ADMIN_KEY or the key that was made
 * with the embedded stores. Throws `invalid_setting` where there is no key.
 */
export async function openApi(options: ApiOptions, environment: NodeJS.ProcessEnv): Promise<ApiClient> {
  const { publicUrl, adminKey, dataDir } = readConfig(environment);
  const base = (options.url ?? publicUrl).replace(/\/$/, "");
  if (!URL.canParse(base)) throw new HeadraceError("invalid_setting", `--url is no URL: ${base}`);
  const key = options.key ?? adminKey ?? (await readFile(`${dataDir}/admin-key`, "utf8").catch(() => ""));
  if (key.trim() === "") {
    throw new HeadraceError("invalid_setting", "There is no API key: give --key, or set HEADRACE_ADMIN_KEY");
  }
  return createApiClient(base, key.trim());
}
