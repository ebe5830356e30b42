import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { chmodSync, chownSync, existsSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import pg from "pg";
import { findRunAs } from "../../src/embedded/run-as.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

const BIN = "/usr/lib/postgresql/15/bin";

/** Whether this machine has the packages of `packagedPostgres`. */
export const hasPackagedPostgres = existsSync(`${BIN}/postgres`);

export interface PackagedPostgres {
  port: number;
  /** The folder of its Unix socket, and of its files `ca.crt`, `server.crt`. */
  folder: string;
  /** The URL of the superuser `postgres`, over TCP. */
  url: string;
  run(text: string, database?: string): Promise<void>;
  stop(): Promise<void>;
}

/**
 * The distribution's PostgreSQL 15 with the defaults of its packages, passwords over TCP, a Unix socket, and TLS with
 * a certificate for `localhost` from a private authority unless `tls` is false.
 */
export async function packagedPostgres(
  options: { tls?: boolean; settings?: Record<string, string> } = {},
): Promise<PackagedPostgres> {
  const folder = mkdtempSync(join(tmpdir(), "headrace-pg-"));
  const runAs = findRunAs("/nowhere");
  const [port = 0] = await freePorts(1);
  const own = (path: string) => runAs !== undefined && chownSync(path, runAs.uid, runAs.gid);
  own(folder);
  chmodSync(folder, 0o755);
  const data = join(folder, "data");
  writeFileSync(join(folder, "password"), "s3cret-of-postgres");
  own(join(folder, "password"));
  const environment = { PATH: process.env["PATH"], LC_ALL: "C.UTF-8" };
  const initdb = ["-D", data, "-U", "postgres", "-A", "scram-sha-256", `--pwfile=${folder}/password`];
  const made = spawnSync(`${BIN}/initdb`, initdb, {
    ...runAs,
    env: environment,
    cwd: folder,
    encoding: "utf8",
  });
  if (made.status !== 0) throw new Error(made.stderr);
  if (options.tls !== false) makeCertificates(folder, own);
  const settings = {
    port: String(port),
    listen_addresses: "127.0.0.1",
    unix_socket_directories: folder,
    fsync: "off",
    ...(options.tls === false
      ? {}
      : { ssl: "on", ssl_cert_file: `${folder}/server.crt`, ssl_key_file: `${folder}/server.key` }),
    ...options.settings,
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const child = spawn(`${BIN}/postgres`, ["-D", data, ...flags], {
    ...runAs,
    env: environment,
    cwd: folder,
    stdio: "ignore",
  });
  const exited = once(child, "exit");
  const url = `postgres://postgres:s3cret-of-postgres@127.0.0.1:${port}/postgres`;
  const run = async (text: string, database = "postgres") => {
    const client = new pg.Client(url.replace(/postgres$/, database));
    await client.connect();
    try {
      await client.query(text);
    } finally {
      await client.end();
    }
  };
  await until("PostgreSQL answers", () =>
    run("SELECT 1").then(
      () => true,
      () => false,
    ),
  );
  async function stop(): Promise<void> {
    child.kill("SIGQUIT");
    await exited;
    rmSync(folder, { recursive: true, force: true });
  }
  return { port, folder, url, run, stop };
}

function makeCertificates(folder: string, own: (path: string) => unknown): void {
  const script = `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost -keyout server.key -out server.csr
    printf 'subjectAltName=DNS:localhost' > names
    openssl x509 -req -in server.csr -CA ca.crt -CAkey ca.key -CAcreateserial -days 2 -extfile names -out server.crt
    chmod 600 server.key`;
  const made = spawnSync("/bin/sh", ["-ec", script], { cwd: folder, encoding: "utf8" });
  if (made.status !== 0) throw new Error(made.stderr);
  for (const name of ["server.key", "server.crt", "ca.crt"]) own(join(folder, name));
}
