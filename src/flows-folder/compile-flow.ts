import { createHash } from "node:crypto";
import { dirname, extname, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";
import { HeadraceError } from "../domain/errors.ts";
import type { CodeModule } from "../flow-host/placed-call.ts";

/** Compiles flow files in TypeScript or JavaScript, each with the files that it imports by a relative path. */
export interface FlowCompiler {
  /** Throws `invalid_setting`, with the file and its line, for a file that cannot be read. */
  compile(file: string): Promise<CodeModule>;
  /** Ends the compiler's process until the next file. */
  rest(): Promise<void>;
}

export function createFlowCompiler(): FlowCompiler {
  return {
    async compile(path) {
      const file = resolve(path);
      try {
        const text = await bundle(file);
        const hash = createHash("sha256").update(`${file}\0${text}`).digest("hex").slice(0, 16);
        return { file, hash, text };
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
