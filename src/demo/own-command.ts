import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that npm links into `.bin` folders. */
const PROGRAM = fileURLToPath(new URL("../../bin/headrace.mjs", import.meta.url));

/**
 * How a user runs this very program from the folder: `npx headrace` where npx finds it there, `headrace` where the
 * PATH leads to it, else Node.js with its path. npx in any other folder would ask the registry for the name.
 */
export function ownCommand(folder: string, path = process.env["PATH"] ?? ""): string {
  if (npxFinds(folder)) return "npx headrace";
  // npm puts such folders before the PATH of what it runs; the user's shell does not have them.
  const folders = path.split(":").filter((one) => one !== "" && !one.endsWith("node_modules/.bin"));
  const onPath = folders.find((one) => existsSync(join(one, "headrace")));
  if (onPath !== undefined && isThisProgram(join(onPath, "headrace"))) return "headrace";
  return `node ${quoted(PROGRAM)}`;
}

/** As npx looks: for what is installed in the folder or above, and for the package that the folder belongs to. */
function npxFinds(folder: string): boolean {
  for (let here = folder; ; here = dirname(here)) {
    if (isThisProgram(join(here, "node_modules/.bin/headrace"))) return true;
    if (existsSync(join(here, "package.json"))) {
      return (
        readName(join(here, "package.json")) === "headrace" && isThisProgram(join(here, "bin/headrace.mjs"))
      );
    }
    if (here === dirname(here)) return false;
  }
}

function isThisProgram(path: string): boolean {
  try {
    return realpathSync(path) === realpathSync(PROGRAM);
  } catch {
    return false;
  }
}

function readName(packageFile: string): unknown {
  try {
    return (JSON.parse(readFileSync(packageFile, "utf8")) as { name?: unknown }).name;
  } catch {
    return undefined;
  }
}

function quoted(path: string): string {
  return /^[\w./@+-]+$/.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;
}
