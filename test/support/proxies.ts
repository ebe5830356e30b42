import { spawn } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { onTestFinished } from "vitest";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

const DOCUMENT = fileURLToPath(new URL("../../docs/operating/behind-a-proxy.md", import.meta.url));

const HAPROXY = "/usr/sbin/haproxy";
const NGINX = "/usr/sbin/nginx";
export const hasHaproxy = existsSync(HAPROXY);
export const hasNginx = existsSync(NGINX);

/** The nth settings of the language in docs/operating. */
function documented(language: "haproxy" | "nginx", index: number): string {
  const blocks = [...readFileSync(DOCUMENT, "utf8").matchAll(/```(\w+)\n(.*?)```/gs)];
  const text = blocks.filter(([, name]) => name === language)[index]?.[2];
  if (text === undefined) throw new Error(`${DOCUMENT} has no block ${index} of ${language}`);
  return text;
}

/** HAProxy with the documented settings in front of two copies. `isUp` returns the result of its checks. */
export async function startHaproxy(
  copies: readonly [number, number],
): Promise<{ url: string; isUp(copy: "a" | "b"): Promise<boolean> }> {
  const [port = 0, statsPort = 0] = await freePorts(2);
  const settings = documented("haproxy", 0)
    .replace("bind :80", `bind 127.0.0.1:${port}`)
    .replace("10.0.0.1:8080", `127.0.0.1:${copies[0]}`)
    .replace("10.0.0.2:8080", `127.0.0.1:${copies[1]}`);
  const stats = `\nfrontend stats\n  bind 127.0.0.1:${statsPort}\n  stats enable\n  stats uri /stats\n`;
  const folder = temporaryFolder();
  const file = join(folder, "haproxy.cfg");
  writeFileSync(file, settings + stats);
  run(HAPROXY, ["-db", "-f", file]);
  const isUp = async (copy: string) => {
    const answer = await fetch(`http://127.0.0.1:${statsPort}/stats;csv`).catch(() => undefined);
    const lines = ((await answer?.text()) ?? "").split("\n").map((line) => line.split(","));
    return lines.some(([backend, name, ...rest]) => {
      return backend === "headrace" && name === copy && rest[15]?.startsWith("UP") === true;
    });
  };
  await until("HAProxy serves", () => isUp("a"));
  return { url: `http://127.0.0.1:${port}`, isUp };
}

/** nginx with the nth documented settings in front of the copies, which take turns in its server lines. */
export async function startNginx(copies: readonly number[], index = 0): Promise<string> {
  const [port = 0] = await freePorts(1);
  let next = 0;
  const settings = documented("nginx", index)
    .replace("listen 80", `listen 127.0.0.1:${port}`)
    .replaceAll(/10\.0\.0\.\d:8080/g, () => `127.0.0.1:${copies[next++ % copies.length]}`);
  const folder = temporaryFolder();
  const file = join(folder, "nginx.conf");
  const paths = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"].map(
    (name) => `${name}_temp_path ${folder}/${name};`,
  );
  const user = process.getuid?.() === 0 ? "user root;" : "";
  writeFileSync(
    file,
    `${user} daemon off; worker_processes 1; pid ${folder}/pid; error_log ${folder}/error.log;
     events { worker_connections 1024; }
     http { access_log off; ${paths.join(" ")}\n${settings}\n}`,
  );
  run(NGINX, ["-p", folder, "-c", file, "-e", `${folder}/error.log`]);
  const url = `http://127.0.0.1:${port}`;
  await until("nginx listens", async () => (await fetch(url).catch(() => undefined)) !== undefined);
  return url;
}

function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "headrace-proxy-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Runs until the test ends. */
function run(command: string, args: string[]): void {
  const child = spawn(command, args, { stdio: "ignore" });
  const ended = new Promise((resolve) => child.once("exit", resolve));
  onTestFinished(async () => {
    child.kill("SIGTERM");
    await ended;
  });
}
