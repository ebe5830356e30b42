import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
const APT_GET = "/usr/bin/apt-get";
const PACKAGE = "redis-server";
/** How long the package manager may take, ms. */
const INSTALL_MS = 300_000;
/**
 * Installs Redis with apt-get, as root on Debian or Ubuntu. The package starts a service of its own: that is switched
 * off again, unless it ran before. Answers why nothing was installed, undefined when it was.
 */
export async function installRedis(log) {
    if (!existsSync("/etc/debian_version") || !existsSync(APT_GET))
        return "this is neither Debian nor Ubuntu";
    if (process.getuid?.() !== 0)
        return "only root can install it";
    const ranBefore = serviceRuns();
    log.info({ package: PACKAGE }, "installing Redis with apt-get");
    // Old lists may still do, so a failed update decides nothing.
    await aptGet("update");
    const failure = await aptGet("install", "--yes", "--no-install-recommends", PACKAGE);
    if (failure !== undefined)
        return `apt-get install ${PACKAGE} failed (${failure})`;
    if (!ranBefore)
        switchServiceOff();
    return undefined;
}
/** The last line of its errors when it fails. */
async function aptGet(...args) {
    const options = ["-q", "-o", "DPkg::Lock::Timeout=120"];
    const child = spawn(APT_GET, [...options, ...args], {
        env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
        stdio: ["ignore", "ignore", "pipe"],
        timeout: INSTALL_MS,
    });
    const ended = new Promise((resolve) => child.once("exit", resolve));
    const [errors, status] = await Promise.all([text(child.stderr), ended]);
    return status === 0 ? undefined : (errors.trim().split("\n").at(-1) ?? "");
}
function serviceRuns() {
    return hasSystemd() ? run("systemctl", "is-active", PACKAGE) : run("service", PACKAGE, "status");
}
function switchServiceOff() {
    if (hasSystemd()) {
        run("systemctl", "disable", "--now", PACKAGE);
    }
    else {
        run("service", PACKAGE, "stop");
        run("update-rc.d", PACKAGE, "disable");
    }
}
function hasSystemd() {
    return existsSync("/run/systemd/system");
}
function run(command, ...args) {
    return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}
//# sourceMappingURL=redis-install.js.map