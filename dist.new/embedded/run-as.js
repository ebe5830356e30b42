import { execFileSync, spawnSync } from "node:child_process";
import { statSync } from "node:fs";
import { HeadraceError } from "../domain/errors.js";
/** Users that a database may run as, the best first; the first is made where none is there. */
const USERS = ["headrace", "postgres"];
/**
 * Who the stores run as: undefined where this process is not root, since they then run as its own user. PostgreSQL
 * refuses to run as root. The owner of data that is already there stays the owner. Throws `store_unavailable`.
 */
export function findRunAs(existingData) {
    if (process.getuid?.() !== 0)
        return undefined;
    const found = ownerOf(existingData) ?? firstOf(USERS) ?? makeUser(USERS[0]) ?? firstOf(["nobody"]);
    if (found !== undefined)
        return found;
    const tried = [...USERS, "nobody"].join(", ");
    throw new HeadraceError("store_unavailable", `The embedded stores do not run as root, and there is no other user for them (tried ${tried}): run as another user, or set DATABASE_URL and REDIS_URL`);
}
/** What a store sees of this process's environment: PGDATA and its like would change what it does. */
export function storeEnvironment() {
    return { PATH: process.env["PATH"] ?? "", LC_ALL: "C" };
}
/** Whether the stores' user can enter the folder, which depends on every folder above it. */
export function canEnter(directory, runAs) {
    return spawnSync("/bin/sh", ["-c", 'cd "$1"', "sh", directory], { ...runAs, stdio: "ignore" }).status === 0;
}
function ownerOf(path) {
    const stat = statSync(path, { throwIfNoEntry: false });
    return stat === undefined || stat.uid === 0 ? undefined : { uid: stat.uid, gid: stat.gid };
}
function firstOf(names) {
    for (const name of names) {
        const [uid, gid] = [readId(name, "-u"), readId(name, "-g")];
        if (uid !== undefined && gid !== undefined)
            return { uid, gid };
    }
    return undefined;
}
function readId(name, which) {
    try {
        const text = execFileSync("id", [which, name], { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
        return Number(text);
    }
    catch {
        return undefined;
    }
}
function makeUser(name) {
    const options = ["--system", "--user-group", "--no-create-home", "--shell", "/usr/sbin/nologin", name];
    return spawnSync("useradd", options, { stdio: "ignore" }).status === 0 ? firstOf([name]) : undefined;
}
//# sourceMappingURL=run-as.js.map