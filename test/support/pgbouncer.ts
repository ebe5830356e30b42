import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { findRunAs } from "../../src/embedded/run-as.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/**
 * The distribution's PgBouncer in transaction mode in front of the server of a URL. It is older than 1.21, so it does
 * not support prepared statements. `settings` are lines of its [pgbouncer] section.
 */
export async function startPgBouncer(
  databaseUrl: string,
  settings: Record<string, string | number> = {},
): Promise<{ url: string; stop(): Promise<void> }> {
  const server = new URL(databaseUrl);
  const folder = mkdtempSync(join(tmpdir(), "headrace-pgbouncer-"));
  const [port = 0] = await freePorts(1);
  const all = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    auth_type: "plain",
    auth_file: join(folder, "users.txt"),
    pool_mode: "transaction",
    ...settings,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name} = ${value}`);
  const config = `[databases]\n* = host=${server.hostname} port=${server.port}\n[pgbouncer]\n${lines.join("\n")}\n`;
  writeFileSync(join(folder, "users.txt"), `"${server.username}" "${server.password}"\n`);
  writeFileSync(join(folder, "pgbouncer.ini"), config);
  const runAs = findRunAs("/nowhere");
  if (runAs !== undefined)
    for (const path of [folder, join(folder, "users.txt"), join(folder, "pgbouncer.ini")])
      chownSync(path, runAs.uid, runAs.gid);
  chmodSync(folder, 0o755);
  const child = spawn("/usr/sbin/pgbouncer", [join(folder, "pgbouncer.ini")], {
    ...runAs,
    cwd: folder,
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  await until("PgBouncer listens", () => isOpen(port));
  const url = new URL(databaseUrl);
  url.port = String(port);
  return {
    url: url.href,
    async stop() {
      child.kill("SIGKILL");
      await exited;
      rmSync(folder, { recursive: true });
    },
  };
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
