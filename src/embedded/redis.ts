import { randomBytes } from "node:crypto";
import { chownSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { Redis } from "ioredis";
import type { Logger } from "../runtime/logger.ts";
import { type Home, prepareFolder } from "./home.ts";
import { type EmbeddedStore, startStore } from "./store.ts";

/** Settings that differ from the defaults. A crash of the machine loses at most one second of data. */
const SETTINGS = {
  bind: "127.0.0.1",
  appendonly: "yes",
  appendfsync: "everysec",
  save: '""',
  "maxmemory-policy": "noeviction",
  // The title contains the configuration file, by which a leftover process is identified.
  "proc-title-template": '"{title} {listen-addr} {config-file}"',
};

/** Starts the private Redis or Valkey of the home. `server` is the path of the binary. Throws `store_unavailable`. */
export async function startRedis(options: {
  home: Home;
  log: Logger;
  server: string;
}): Promise<EmbeddedStore> {
  const { home, log, server } = options;
  const directory = prepareFolder(home, "redis");
  const configFile = join(directory, "redis.conf");
  const pidFile = join(directory, "redis.pid");
  const password = randomBytes(24).toString("hex");
  return await startStore(
    {
      name: "Redis",
      directory,
      pidFile,
      logFile: join(home.directory, "redis.log"),
      // Flushes the append-only file before it ends.
      stopSignal: "TERM",
      runAs: home.runAs,
      command(port) {
        const settings = {
          ...SETTINGS,
          port,
          requirepass: password,
          dir: quote(directory),
          pidfile: quote(pidFile),
        };
        writeConfig(home, configFile, settings);
        return [server, configFile];
      },
      url: (port) => `redis://:${password}@127.0.0.1:${port}`,
      probe,
    },
    log,
  );
}

function writeConfig(home: Home, file: string, settings: Record<string, string | number>): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} ${value}\n`);
  // Creates a new file, so that root never writes through a link of the user of the stores.
  rmSync(file, { force: true });
  writeFileSync(file, lines.join(""), { flag: "wx", mode: 0o600 });
  if (home.runAs !== undefined) chownSync(file, home.runAs.uid, home.runAs.gid);
}

function quote(path: string): string {
  return `"${path.replace(/["\\]/g, "\\$&")}"`;
}

async function probe(url: string): Promise<void> {
  const client = new Redis(url, { lazyConnect: true, retryStrategy: () => null, connectTimeout: 2_000 });
  client.on("error", () => {});
  try {
    // Connecting waits until the data is loaded.
    await client.connect();
  } finally {
    client.disconnect();
  }
}
