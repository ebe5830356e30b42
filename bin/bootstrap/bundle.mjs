import { copyFileSync, existsSync, mkdirSync, readFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { dirname, isAbsolute, join, relative } from "node:path";
import { CommandFailed, ROOT } from "./run.mjs";

/** The folder of the bundles. It is as deep as the folders of the modules, so that relative URLs stay valid. */
const FOLDER = "program";

const BANNER = `import { createRequire as bundleCreateRequire } from "node:module";
const bundleUrl = import.meta.url;
const bundleRequire = bundleCreateRequire(bundleUrl);`;

/** The esbuild namespace of packages that are loaded with require. */
const REQUIRED = "required";

/** A package of hundreds of small modules, which take longer to load than the rest of a start. */
const BUNDLED_PACKAGE = "typebox";

/**
 * Bundles the modules of the command into few files, which load in a fraction of the time. The modules stay in place for
 * other importers, and other packages stay outside of the bundle.
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
 * Keeps other packages outside of the bundle. Loads CommonJS packages with require, since for an import Node reads each
 * of their files again to find its exports.
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

/** Gives each module the URL of its own file as `import.meta.url`, not that of the bundle. */
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
