import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HeadraceError } from "../domain/errors.ts";
import type { Handler } from "../pipeline/execute/code-action.ts";
import type { CodeFlow } from "../sdk/index.ts";

/**
 * The handlers of the JavaScript files in the flows folder, by id; none when the folder does not exist. A file
 * whose default export is no `defineFlow` result, or repeats an id, stops the start and is named.
 */
export async function loadHandlers(folder: string): Promise<Map<string, Handler>> {
  const handlers = new Map<string, Handler>();
  for (const name of await listFiles(folder)) {
    const file = resolve(folder, name);
    const { default: flow } = (await import(pathToFileURL(file).href)) as { default?: Partial<CodeFlow> };
    if (typeof flow?.id !== "string" || typeof flow.handler !== "function") {
      throw new HeadraceError(
        "invalid_setting",
        `${file} does not export a flow: export default defineFlow(…)`,
      );
    }
    if (handlers.has(flow.id))
      throw new HeadraceError("invalid_setting", `${file} defines the flow ${flow.id} again`);
    handlers.set(flow.id, flow.handler);
  }
  return handlers;
}

async function listFiles(folder: string): Promise<string[]> {
  try {
    return (await readdir(folder)).filter((name) => /\.m?js$/.test(name)).sort();
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
    throw error;
  }
}
