import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { inTurn } from "./in-turn.mjs";
import { ROOT, runQuietly } from "./run.mjs";

/**
 * Runs `npm ci` unless node_modules matches package-lock.json. A built program needs no development packages: with
 * `forBuild` false they may be missing, as after `npm ci --omit=dev`.
 */
export async function ensureInstalled({ forBuild }) {
  if (isInstalled(forBuild)) return;
  await inTurn(async () => {
    if (isInstalled(forBuild)) return;
    const withDev = forBuild || process.env.NODE_ENV !== "production";
    const missesDevAlone = forBuild && isInstalled(false);
    console.error(
      `Installing packages (npm ci)${missesDevAlone ? ": the development packages are missing" : ""}…`,
    );
    const [command, ...args] = npm();
    const dev = withDev ? "--include=dev" : "--omit=dev";
    await runQuietly(command, [...args, "ci", dev, "--no-audit", "--no-fund"], "npm ci");
  });
}

/** Returns whether the record that npm writes last has every package that this machine needs. */
function isInstalled(withDev) {
  const installed = readPackages("node_modules/.package-lock.json");
  return Object.entries(readPackages("package-lock.json")).every(([path, wanted]) => {
    const found = installed[path];
    if (path === "" || (!withDev && wanted.dev === true)) return true;
    if (found === undefined) return isOptional(wanted, withDev) && !isForThisMachine(wanted);
    return found.version === wanted.version && found.integrity === wanted.integrity;
  });
}

function isOptional({ optional, devOptional }, withDev) {
  return optional === true || (!withDev && devOptional === true);
}

/** Returns whether a package with binaries is for this platform. Other optional packages may fail to build. */
function isForThisMachine({ os, cpu, libc }) {
  const names = (list, name) => list?.includes(name) ?? false;
  return libc === undefined && names(os, process.platform) && names(cpu, process.arch);
}

function readPackages(file) {
  try {
    return JSON.parse(readFileSync(join(ROOT, file), "utf8")).packages;
  } catch (error) {
    if (error.code === "ENOENT") return {};
    throw error;
  }
}

/** Returns the npm that runs this script, or the one on PATH. */
function npm() {
  const running = process.env.npm_execpath;
  return running !== undefined && basename(running) === "npm-cli.js" ? [process.execPath, running] : ["npm"];
}
