import { createHash } from "node:crypto";
import { dirname, extname, resolve, sep } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { Plugin } from "esbuild";
import { HeadraceError } from "../domain/errors.ts";
import type { CodeModule } from "../flow-host/pool-call.ts";
import { errorMessage } from "../runtime/error-message.ts";

/** Compiles flow files in TypeScript or JavaScript, with the files that they import by relative paths. */
export interface FlowCompiler {
  /** Compiles a file. Throws `invalid_setting`, with file and line, for a file that cannot be compiled. */
  compile(file: string): Promise<CodeModule>;
  /** Ends the process of the compiler until the next file. */
  rest(): Promise<void>;
}

/** Creates a compiler, which starts its process for the first file. */
export function createFlowCompiler(): FlowCompiler {
  return {
    async compile(path) {
      const file = resolve(path);
      try {
        const text = await bundle(file);
        const hash = createHash("sha256").update(`${file}\0${text}`).digest("hex").slice(0, 16);
        return { file, hash, text };
      } catch (error) {
        const message = errorMessage(error);
        throw new HeadraceError("invalid_setting", `${file} is no flow: ${message}`, { cause: error });
      }
    },
    async rest() {
      await (await import("esbuild")).stop();
    },
  };
}

/** Bundles a file and its imports into one module, with a source map for stack traces. */
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

/** Resolves `headrace` to this program, and installed packages to their own location. */
const PACKAGES: Plugin = {
  name: "packages",
  setup(build) {
    build.onResolve({ filter: /^headrace$/ }, () => ({ path: SDK }));
    build.onResolve({ filter: /^[^./]/ }, async ({ path, pluginData, ...rest }) => {
      if (pluginData === OURS || rest.kind === "entry-point") return undefined;
      const found = await build.resolve(path, { ...rest, pluginData: OURS });
      if (found.errors.length > 0) return { errors: found.errors };
      if (found.external) return { path: found.path, external: true };
      // Bundles the targets of aliases and workspace links like the sources of the flow.
      if (!found.path.includes(`${sep}node_modules${sep}`)) return { path: found.path };
      return { path: pathToFileURL(found.path).href, external: true };
    });
  },
};
const OURS = Symbol("resolved by the plugin itself");
