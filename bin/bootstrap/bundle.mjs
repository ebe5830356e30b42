import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative } from "node:path";
import { CommandFailed, ROOT } from "./run.mjs";

/** Beside the folders of the modules, and as deep: a URL relative to one holds from here. */
const FOLDER = "program";

const BANNER = `import { createRequire as bundleCreateRequire } from "node:module";
const bundleUrl = import.meta.url;
const bundleRequire = bundleCreateRequire(bundleUrl);`;

/** The namespace of packages that are required. */
const REQUIRED = "required";

/** Published as hundreds of small modules, whose loading takes longer than the rest of a start. */
const BUNDLED_PACKAGE = "typebox";

/**
 * Joins the modules that the command loads into few files, so that a start spends its time on its work: loading one
 * file takes a fraction of the time of its modules one by one. The modules stay where they are, for whoever imports
 * one, and other packages stay outside of the bundle.
 */
export async function bundleProgram(dist) {
  const { build } = await import("esbuild");
  try {
    await build({
      entryPoints: [join(dist, "cli/main.js")],
      absWorkingDir: ROOT,
      outdir: dist,
      outbase: dist,
      allowOverwrite: true,
      chunkNames: `${FOLDER}/[name]-[hash]`,
      bundle: true,
      splitting: true,
      platform: "node",
      format: "esm",
      target: "node20",
      sourcemap: "linked",
      logLevel: "silent",
      banner: { js: BANNER },
      define: { "import.meta.url": "ownUrl" },
      plugins: [outsidePackages, ownUrls(dist)],
    });
  } catch (error) {
    throw new CommandFailed(`${error.message}\n\nThe build failed.`);
  }
  copyLicense(dist);
}

/**
 * Other packages are loaded from where they are. What is published as CommonJS is required: importing it has Node read
 * each of its files once more, to find the names that it exports.
 */
const outsidePackages = {
  name: "outside packages",
  setup(build) {
    build.onResolve({ filter: /^[^./]/ }, ({ path, kind, importer }) => {
      if (path === BUNDLED_PACKAGE || path.startsWith(`${BUNDLED_PACKAGE}/`)) return undefined;
      if (kind === "import-statement" && isCommonJs(path, importer)) return { path, namespace: REQUIRED };
      return { path, external: true };
    });
    build.onLoad({ filter: /.*/, namespace: REQUIRED }, ({ path }) => ({
      contents: `module.exports = bundleRequire(${JSON.stringify(path)})`,
    }));
  },
};

function isCommonJs(name, importer) {
  const file = createRequire(importer).resolve(name);
  if (!isAbsolute(file)) return false;
  if (!file.endsWith(".js")) return file.endsWith(".cjs");
  let folder = dirname(file);
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return JSON.parse(readFileSync(join(folder, "package.json"), "utf8")).type !== "module";
}

/** A module that asks for its own URL gets that of its own file, not that of the bundle. */
function ownUrls(dist) {
  return {
    name: "own URLs",
    setup(build) {
      build.onLoad({ filter: /\.js$/ }, async ({ path }) => {
        if (!path.startsWith(dist)) return undefined;
        const text = await readFile(path, "utf8");
        if (!text.includes("import.meta.url")) return undefined;
        const url = JSON.stringify(`../${relative(dist, path)}`);
        return { contents: `const ownUrl = new URL(${url}, bundleUrl).href; ${text}` };
      });
    },
  };
}

function copyLicense(dist) {
  mkdirSync(join(dist, FOLDER), { recursive: true });
  const license = join(ROOT, "node_modules", BUNDLED_PACKAGE, "license");
  copyFileSync(license, join(dist, FOLDER, `${BUNDLED_PACKAGE}.license`));
}
