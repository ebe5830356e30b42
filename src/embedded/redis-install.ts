import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { text } from "node:stream/consumers";
import type { Logger } from "../runtime/logger.ts";

const APT_GET = "/usr/bin/apt-get";
const PACKAGE = "redis-server";
/** How long the package manager may take, ms. */
const INSTALL_MS = 300_000;

/**
 * Installs Redis with apt-get, as root on Debian or Ubuntu. Disables the service that the package starts, unless it ran
 * before. Returns why nothing was installed, or undefined on success.
 */
export async function installRedis(log: Logger): Promise<string | undefined> {
  if (!existsSync("/etc/debian_version") || !existsSync(APT_GET)) return "this is neither Debian nor Ubuntu";
  if (process.getuid?.() !== 0) return "only root can install it";
  const ranBefore = serviceRuns();
  log.info({ package: PACKAGE }, "installing Redis with apt-get");
  // A failed update is ignored: the old lists may suffice.
  await aptGet("update");
  const failure = await aptGet("install", "--yes", "--no-install-recommends", PACKAGE);
  if (failure !== undefined) return `apt-get install ${PACKAGE} failed (${failure})`;
  if (!ranBefore) switchServiceOff();
  return undefined;
}

/** Runs apt-get. Returns the last line of its errors if it fails. */
async function aptGet(...args: string[]): Promise<string | undefined> {
  const options = ["-q", "-o", "DPkg::Lock::Timeout=120"];
  const child = spawn(APT_GET, [...options, ...args], {
    env: { ...process.env, DEBIAN_FRONTEND: "noninteractive" },
    stdio: ["ignore", "ignore", "pipe"],
    timeout: INSTALL_MS,
  });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  const [errors, status] = await Promise.all([text(child.stderr), ended]);
  return status === 0 ? undefined : (errors.trim().split("\n").at(-1) ?? "");
}

function serviceRuns(): boolean {
  return hasSystemd() ? run("systemctl", "is-active", PACKAGE) : run("service", PACKAGE, "status");
}

function switchServiceOff(): void {
  if (hasSystemd()) {
    run("systemctl", "disable", "--now", PACKAGE);
  } else {
    run("service", PACKAGE, "stop");
    run("update-rc.d", PACKAGE, "disable");
  }
}

function hasSystemd(): boolean {
  return existsSync("/run/systemd/system");
}

function run(command: string, ...args: string[]): boolean {
  return spawnSync(command, args, { stdio: "ignore" }).status === 0;
}
