import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { bundleProgram } from "./bundle.mjs";
import { inTurn } from "./in-turn.mjs";
import { ROOT, runQuietly } from "./run.mjs";

const DIST = join(ROOT, "dist");
/** The file in dist with the hash of its sources. */
const STAMP = "built-from.txt";
const INPUTS = [
  "src",
  "bin/bootstrap/build.mjs",
  "bin/bootstrap/bundle.mjs",
  "tsconfig.json",
  "tsconfig.build.json",
  "package-lock.json",
];

/** Builds dist unless it is current. Builds in a temporary folder, which then replaces dist. */
export async function ensureBuilt() {
  if (isBuilt()) return;
  await inTurn(async () => {
    const hash = hashInputs();
    if (isCurrent(hash)) return;
    console.error("Building…");
    const [fresh, old] = [`${DIST}.new`, `${DIST}.old`];
    rmSync(fresh, { recursive: true, force: true });
    await tsc(join(ROOT, "tsconfig.build.json"), "--outDir", fresh);
    await bundleProgram(fresh);
    writeFileSync(join(fresh, STAMP), hash);
    rmSync(old, { recursive: true, force: true });
    if (existsSync(DIST)) renameSync(DIST, old);
    renameSync(fresh, DIST);
    rmSync(old, { recursive: true, force: true });
  });
}

/** Returns whether dist was built from the current sources. */
export function isBuilt() {
  return isCurrent(hashInputs());
}

/** Compiles the benchmarks and the sources without type checks, and returns the entry file. */
export async function compileBench() {
  const cache = join(ROOT, "node_modules/.cache/headrace-bench");
  await inTurn(async () => {
    rmSync(cache, { recursive: true, force: true });
    mkdirSync(cache, { recursive: true });
    const config = {
      extends: join(ROOT, "tsconfig.json"),
      compilerOptions: { noEmit: false, noCheck: true, rootDir: ROOT, outDir: cache },
      include: ["src", "bench"].map((folder) => join(ROOT, folder)),
      exclude: [join(ROOT, "src/**/*.test.ts")],
    };
    const configFile = join(cache, "tsconfig.json");
    writeFileSync(configFile, JSON.stringify(config));
    await tsc(configFile);
    // The sources expect these in the folder above their own.
    for (const name of ["migrations", "package.json"]) symlinkSync(join(ROOT, name), join(cache, name));
  });
  return join(cache, "bench/main.js");
}

async function tsc(config, ...args) {
  await runQuietly(join(ROOT, "node_modules/.bin/tsc"), ["-p", config, ...args], "The build");
}

function isCurrent(hash) {
  const stamp = join(DIST, STAMP);
  return existsSync(stamp) && readFileSync(stamp, "utf8") === hash;
}

function hashInputs() {
  const hash = createHash("sha256");
  for (const input of INPUTS) {
    for (const file of filesOf(input)) {
      hash.update(`${file}\0`).update(
        createHash("sha256")
          .update(readFileSync(join(ROOT, file)))
          .digest(),
      );
    }
  }
  return hash.digest("hex");
}

function filesOf(input) {
  if (input.includes(".")) return [input];
  return readdirSync(join(ROOT, input), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith(".test.ts"))
    .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length + 1))
    .sort();
}
