import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { Redis } from "ioredis";
import { onTestFinished } from "vitest";
import { findRedisServer } from "../../src/embedded/redis-binary.ts";
import { createLogger } from "../../src/runtime/logger.ts";
import { freePorts } from "./ports.ts";
import { until } from "./until.ts";

/** A private Redis, stopped when the test ends. */
export interface RedisServer {
  port: number;
  pid: number;
  /** The directory of its dump. */
  directory: string;
  /** The test's own connection, with every permission. */
  admin: Redis;
  /** Kills it, like a crash. */
  kill(): Promise<void>;
}

/** Starts a server with the lines of a configuration file; `mode` makes it a Sentinel. */
export async function startRedisServer(
  lines: readonly string[] = [],
  { port, mode = "server" }: { port?: number; mode?: "server" | "sentinel" } = {},
): Promise<RedisServer> {
  const [found = 0] = port === undefined ? await freePorts(1) : [port];
  const directory = mkdtempSync(`${tmpdir()}/headrace-redis-`);
  const file = `${directory}/redis.conf`;
  const all = [`port ${found}`, "bind 127.0.0.1", `dir ${directory}`, ...lines];
  writeFileSync(file, `${(mode === "server" ? [...all, 'save ""'] : all).join("\n")}\n`);
  const program = await findRedisServer(undefined, createLogger("fatal"));
  const server = spawn(program, mode === "sentinel" ? [file, "--sentinel"] : [file], { stdio: "ignore" });
  const exited = once(server, "exit");
  const admin = new Redis(found, "127.0.0.1", { retryStrategy: () => 50, maxRetriesPerRequest: null });
  admin.on("error", () => {});
  onTestFinished(async () => {
    admin.disconnect();
    server.kill("SIGKILL");
    await exited;
    rmSync(directory, { recursive: true });
  });
  await until("the server answers", () => admin.status === "ready");
  return {
    port: found,
    pid: server.pid as number,
    directory,
    admin,
    async kill() {
      server.kill("SIGKILL");
      await exited;
    },
  };
}

/** Redis servers in cluster mode that share the slots. A command with keys in several slots fails. */
export async function startCluster(size: number, lines: readonly string[] = []): Promise<RedisServer[]> {
  const ports = await freePorts(2 * size);
  const nodes = await Promise.all(
    Array.from({ length: size }, (_, index) =>
      startRedisServer(
        [
          "cluster-enabled yes",
          `cluster-port ${ports[size + index]}`,
          "cluster-announce-ip 127.0.0.1",
          ...lines,
        ],
        { port: ports[index] as number },
      ),
    ),
  );
  const bounds = Array.from({ length: size + 1 }, (_, index) => Math.floor((16_384 * index) / size));
  for (const [index, { admin }] of nodes.entries()) {
    await admin.call("CLUSTER", "SET-CONFIG-EPOCH", index + 1);
    await admin.call(
      "CLUSTER",
      "ADDSLOTSRANGE",
      String(bounds[index]),
      String((bounds[index + 1] as number) - 1),
    );
    if (index > 0)
      await admin.call("CLUSTER", "MEET", "127.0.0.1", ports[0] as number, ports[size] as number);
  }
  for (const { admin } of nodes) {
    await until("the cluster is up", async () => {
      const info = String(await admin.call("CLUSTER", "INFO"));
      return info.includes("cluster_state:ok") && info.includes(`cluster_known_nodes:${size}`);
    });
  }
  return nodes;
}
