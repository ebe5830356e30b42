import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** The program that npm links into `.bin` folders. */
const PROGRAM = fileURLToPath(new URL("../../bin/headrace.mjs", import.meta.url));

/**
 * Returns the command that runs this program from the folder: `npx headrace` if npx finds it there, `headrace` if it is
 * on the PATH, and else `node` with its path. In other folders npx would ask the registry for the name.
 */
export function ownCommand(folder: string, path = process.env["PATH"] ?? ""): string {
  if (npxFinds(folder)) return "npx headrace";
  // npm adds .bin folders to the PATH of its children; the shell of the user does not have them.
  const folders = path.split(":").filter((one) => one !== "" && !one.endsWith("node_modules/.bin"));
  const onPath = folders.find((one) => existsSync(join(one, "headrace")));
  if (onPath !== undefined && isThisProgram(join(onPath, "headrace"))) return "headrace";
  return `node ${quoted(PROGRAM)}`;
}

/** Searches as npx does: packages installed in the folder or above, and the package that contains the folder. */
function npxFinds(folder: string): boolean {
  for (let current = folder; ; current = dirname(current)) {
    if (isThisProgram(join(current, "node_modules/.bin/headrace"))) return true;
    if (existsSync(join(current, "package.json"))) {
      return (
        readName(join(current, "package.json")) === "headrace" &&
        isThisProgram(join(current, "bin/headrace.mjs"))
      );
    }
    if (current === dirname(current)) return false;
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
