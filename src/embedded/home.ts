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
import { canEnter, findRunAs, type RunAs } from "./run-as.ts";

const REACHABLE_BASE = "/var/lib/headrace";

/** The folder that holds all of the embedded stores: their data, passwords and logs. */
export interface Home {
  /** Its real path. */
  directory: string;
  /** Who the stores run as; undefined for the user of this process. */
  runAs: RunAs | undefined;
}

/**
 * Finds or makes `<dataDir>/embedded`. Where root runs the stores as a user who cannot reach that, it is a link to a
 * folder under /var/lib/headrace, made once. Throws `store_unavailable` when it cannot be made, or is gone or out of reach.
 */
export function prepareHome(dataDir: string): Home {
  const path = resolve(dataDir, "embedded");
  // Others may pass through root's folder, as the stores' user must, but not list it.
  const mode = process.getuid?.() === 0 ? 0o711 : 0o700;
  try {
    mkdirSync(dataDir, { recursive: true, mode });
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) makeHome(path, mode);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
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

/** Makes the folder where root keeps what lies out of reach of the stores' user. */
export function reachableBase(): string {
  mkdirSync(REACHABLE_BASE, { recursive: true });
  chmodSync(REACHABLE_BASE, 0o755);
  return REACHABLE_BASE;
}

/** A folder in the home that belongs to the stores' user alone. */
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
    `The embedded stores of Headrace whose HEADRACE_DATA_DIR links here from ${path}.\nThey lie here because their user cannot enter that folder. When the link is gone, this folder can go too.\n`,
  );
  try {
    rmdirSync(path);
    symlinkSync(target, path);
  } catch (error) {
    // Another start was faster, and its home holds.
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
    const advice = "give it back to the user of this process, or name another HEADRACE_DATA_DIR";
    throw unavailable(`The embedded stores' folder ${path}${link} cannot be used: ${advice}`, error);
  }
}

function unavailable(message: string, cause?: unknown): HeadraceError {
  return new HeadraceError("store_unavailable", message, { cause });
}
