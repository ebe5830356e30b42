import { randomBytes } from "node:crypto";
import {
  accessSync,
  chmodSync,
  chownSync,
  constants,
  lstatSync,
  mkdirSync,
  readlinkSync,
  realpathSync,
  rmdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { HeadraceError } from "../domain/errors.ts";
import { errorMessage } from "../runtime/error-message.ts";
import { canEnter, findRunAs, type RunAs } from "./run-as.ts";

/** The base of folders that the user of the stores can reach. */
const REACHABLE_BASE = "/var/lib/headrace";

/** The folder of the embedded stores, with their data, passwords and logs. */
export interface Home {
  /** The real path. */
  directory: string;
  /** The user of the stores; undefined for the user of this process. */
  runAs: RunAs | undefined;
}

/**
 * Finds or creates `<dataDir>/embedded`. If root runs the stores as a user who cannot reach that path, it becomes a link
 * to a folder under /var/lib/headrace. Throws `store_unavailable` if the folder cannot be created or used.
 */
export function prepareHome(dataDir: string): Home {
  const path = resolve(dataDir, "embedded");
  // A folder of root can be traversed, as the user of the stores must, but not listed.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    mkdirSync(dataDir, { recursive: true, mode });
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) makeHome(path, mode);
  } catch (error) {
    const reason = errorMessage(error);
    throw unavailable(`HEADRACE_DATA_DIR ${dataDir} cannot be used: ${reason}`, error);
  }
  const directory = usable(path);
  const runAs = findRunAs(join(directory, "postgres"));
  if (runAs !== undefined && !canEnter(directory, runAs)) {
    const advice = "allow it (chmod o+x) on that folder and on those above it";
    throw unavailable(
      `The user of the embedded stores, uid ${runAs.uid}, cannot enter ${directory}: ${advice}`,
    );
  }
  return { directory, runAs };
}

/** Creates the base folder for paths that the user of the stores can reach, and returns its path. */
export function reachableBase(): string {
  mkdirSync(REACHABLE_BASE, { recursive: true });
  chmodSync(REACHABLE_BASE, 0o755);
  return REACHABLE_BASE;
}

/** Creates a folder in the home that only the user of the stores can access, and returns its path. */
export function prepareFolder(home: Home, name: string): string {
  const path = join(home.directory, name);
  mkdirSync(path, { recursive: true, mode: 0o700 });
  if (home.runAs !== undefined) chownSync(path, home.runAs.uid, home.runAs.gid);
  return path;
}

function makeHome(path: string, mode: number): void {
  mkdirSync(path, { recursive: true });
  chmodSync(path, mode);
  const runAs = findRunAs(path);
  if (runAs === undefined || canEnter(path, runAs)) return;
  const target = join(reachableBase(), randomBytes(6).toString("hex"));
  mkdirSync(target);
  chmodSync(target, mode);
  writeFileSync(
    join(target, "README.txt"),
    `The data of the embedded stores of Headrace. ${path} is a link to this folder,\nbecause the user of the stores cannot enter the data dir. Without that link, this folder can be deleted.\n`,
  );
  try {
    rmdirSync(path);
    symlinkSync(target, path);
  } catch (error) {
    // Another start was faster: its home is used.
    rmSync(target, { recursive: true });
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) throw error;
  }
}

function usable(path: string): string {
  try {
    const directory = realpathSync(path);
    accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    return directory;
  } catch (error) {
    const link = lstatSync(path).isSymbolicLink() ? ` (a link to ${readlinkSync(path)})` : "";
    const advice = "give it back to the user of this process, or set another HEADRACE_DATA_DIR";
    throw unavailable(`The embedded stores' folder ${path}${link} cannot be used: ${advice}`, error);
  }
}

function unavailable(message: string, cause?: unknown): HeadraceError {
  return new HeadraceError("store_unavailable", message, { cause });
}
