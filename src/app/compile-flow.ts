import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, dirname, extname, join, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";
import { HeadraceError } from "../domain/errors.ts";
import type { CodeFlow, CodeSource } from "../sdk/index.ts";

/** A flow of a file; whether it has `options` tells whether `defineFlow` made it. */
export type LoadedFlow = Pick<CodeFlow, "id" | "handler"> & Partial<CodeFlow>;

/** What a file of the folder gives: a flow, or a source that is polled. */
export type LoadedFile = LoadedFlow | CodeSource;

export function isSource(loaded: LoadedFile): loaded is CodeSource {
  return "fetchPage" in loaded;
}

/** Loads flow files in TypeScript or JavaScript, each with the files that it imports by a relative path. */
export interface FlowCompiler {
  /**
   * The flow or source that a file exports; a file whose content is as before gives that of before. Throws
   * `invalid_setting`, with the file and its line, for one that cannot be read or exports neither.
   */
  load(file: string): Promise<LoadedFile>;
  /** Ends the compiler's process until the next load. */
  rest(): Promise<void>;
}

export function createFlowCompiler(): FlowCompiler {
  return {
    async load(path) {
      const file = resolve(path);
      try {
        return asLoaded(await importText(file, await bundle(file)));
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        throw new HeadraceError("invalid_setting", `${file} is no flow: ${message}`, { cause: error });
      }
    },
    async rest() {
      await (await import("esbuild")).stop();
    },
  };
}

/** The file and what it imports as one module, whose stack traces name the lines of the sources. */
async function bundle(file: string): Promise<string> {
  const { build } = await import("esbuild");
  const { outputFiles } = await build({
    entryPoints: [file],
    absWorkingDir: dirname(file),
    outfile: "flow.mjs",
    bundle: true,
    write: false,
    platform: "node",
    format: "esm",
    target: `node${process.versions.node}`,
    sourcemap: "inline",
    sourceRoot: `${pathToFileURL(dirname(file))}/`,
    legalComments: "none",
    logLevel: "silent",
    define: {
      "import.meta.url": JSON.stringify(pathToFileURL(file).href),
      "import.meta.dirname": JSON.stringify(dirname(file)),
      "import.meta.filename": JSON.stringify(file),
    },
    plugins: [PACKAGES],
  });
  return outputFiles[0]?.text ?? "";
}

const SDK = fileURLToPath(new URL(`../sdk/index${extname(import.meta.url)}`, import.meta.url));

/** `headrace` is this very program, wherever the folder lies; installed packages are imported from where they are. */
const PACKAGES: Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^headrace$/ }, () => ({ path: SDK }));
    build.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === OURS || rest.kind === "entry-point") return undefined;
      const found = await build.resolve(path, { ...rest, pluginData: OURS });
      if (found.errors.length > 0) return { errors: found.errors };
      if (found.external) return { path: found.path, external: true };
      // What an alias names, or a workspace links to, is source like the flow's own.
      if (!found.path.includes(`${sep}node_modules${sep}`)) return { path: found.path };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};
const OURS = Symbol("resolved by the plugin itself");

/** Node imports files alone: the text lies in one for the moment. Its name holds a hash: a text is run once. */
async function importText(file: string, text: string): Promise<unknown> {
  process.setSourceMapsEnabled(true);
  const hash = createHash("sha256").update(`${file}\0${text}`).digest("hex").slice(0, 16);
  const known = loaded.get(hash);
  if (known !== undefined) return known;
  const folder = await mkdtemp(join(tmpdir(), "headrace-flow-"));
  try {
    const path = join(folder, `${basename(file, extname(file))}.${hash}.mjs`);
    await writeFile(path, text, { mode: 0o600 });
    const { default: flow } = (await import(pathToFileURL(path).href)) as { default?: unknown };
    loaded.set(hash, flow);
    return flow;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Node forgets no module either: it grows with the changes that a folder sees while the process lives. */
const loaded = new Map<string, unknown>();

function asLoaded(exported: unknown): LoadedFile {
  const given = (exported ?? {}) as Partial<LoadedFlow & CodeSource>;
  if (typeof given.id === "string" && typeof given.fetchPage === "function") return given as CodeSource;
  if (typeof given.id === "string" && typeof given.handler === "function") return given as LoadedFlow;
  throw new Error(
    "it has no export default defineFlow({ id: … }, async (ctx) => { … }), and no defineSource",
  );
}
