import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, extname, join } from "node:path";
import { pathToFileURL } from "node:url";
import type { CodeFlow, CodeSource } from "../../sdk/index.ts";
import type { Definition } from "../protocol.ts";
import { read, textOf } from "./describe.ts";

/** Thrown for a file that can be imported but defines no flow and no source. */
export class NoFlow extends Error {}

/** The default export of a flow file. `options` is set if `defineFlow` created it. */
export type LoadedModule = (Pick<CodeFlow, "id" | "handler"> & Partial<CodeFlow>) | CodeSource;

/** Imports a compiled flow file, through a temporary file, since Node only imports files. */
export async function importModule(file: string, hash: string, text: string): Promise<LoadedModule> {
  const folder = await mkdtemp(join(tmpdir(), "headrace-flow-"));
  try {
    const path = join(folder, `${basename(file, extname(file))}.${hash}.mjs`);
    await writeFile(path, text, { mode: 0o600 });
    const { default: exported } = (await import(pathToFileURL(path).href)) as { default?: unknown };
    return checkExport(exported);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Returns the part of a module that is sent to the server. Throws `NoFlow` if its options are no JSON. */
export function definitionOf(loaded: LoadedModule): Definition {
  const { id } = loaded;
  if ("fetchPage" in loaded) return { kind: "source", id };
  if (loaded.options === undefined) return { kind: "flow", id };
  try {
    return { kind: "flow", id, options: JSON.parse(JSON.stringify(loaded.options)) };
  } catch (error) {
    throw new NoFlow(
      `the options of defineFlow cannot be written as JSON: ${textOf(read(error, "message"))}`,
    );
  }
}

function checkExport(exported: unknown): LoadedModule {
  if (typeof read(exported, "id") === "string") {
    if (typeof read(exported, "fetchPage") === "function") return exported as CodeSource;
    if (typeof read(exported, "handler") === "function") return exported as LoadedModule;
  }
  throw new NoFlow(
    "it has no export default defineFlow({ id: … }, async (ctx) => { … }), and no defineSource",
  );
}
