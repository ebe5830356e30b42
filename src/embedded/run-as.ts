import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { HeadraceError } from "../domain/errors.ts";

/** The unprivileged user that the stores of a root process run as. */
export interface RunAs {
  uid: number;
  gid: number;
}

/** Users that the stores may run as, by preference. The first is created if none exists. */
const USERS = ["headrace", "postgres"] as const;

/**
 * Returns the user of the stores, or undefined if this process is not root, since they then run as its own user.
 * PostgreSQL refuses to run as root. The owner of existing data stays the owner. Throws `store_unavailable`.
 */
export function findRunAs(existingData: string): RunAs | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const found = ownerOf(existingData) ?? firstOf(USERS) ?? makeUser(USERS[0]) ?? firstOf(["nobody"]);
  if (found !== undefined) return found;
  const tried = [...USERS, "nobody"].join(", ");
  throw new HeadraceError(
    "store_unavailable",
    `The embedded stores do not run as root, and there is no other user for them (tried ${tried}): run as another user, or set DATABASE_URL and REDIS_URL`,
  );
}

/** Returns the environment of a store. Variables such as PGDATA would change its behaviour. */
export function storeEnvironment(): Record<string, string> {
  return { PATH: process.env["PATH"] ?? "", LC_ALL: "C" };
}

/** Returns whether the user of the stores can enter the folder, which depends on all folders above it. */
export function canEnter(directory: string, runAs: RunAs | undefined): boolean {
  return spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { ...runAs, stdio: "ignore" }).status === 0;
}

function ownerOf(path: string): RunAs | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}

function firstOf(names: readonly string[]): RunAs | undefined {
  for (const name of names) {
    const [uid, gid] = [readId(name, "-u"), readId(name, "-g")];
    if (uid !== undefined && gid !== undefined) return { uid, gid };
  }
  return undefined;
}

function readId(name: string, which: "-u" | "-g"): number | undefined {
  try {
    const text = execFileSync("id", [which, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
    return Number(text);
  } catch {
    return undefined;
  }
}

function makeUser(name: string): RunAs | undefined {
  const options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name];
  return spawnSync("useradd", options, { stdio: "ignore" }).status === 0 ? firstOf([name]) : undefined;
}
