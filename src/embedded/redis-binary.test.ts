import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test, vi } from "vitest";
import { createLogger } from "../runtime/logger.ts";
import { findRedisServer } from "./redis-binary.ts";

/** Sets PATH to a folder with programs that print their version. */
function setPath(programs: Record<string, string>): string {
  const folder = mkdtempSync(join(tmpdir(), "headrace-path-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  for (const [name, version] of Object.entries(programs)) {
    writeFileSync(join(folder, name), `#!/bin/sh\necho '${version}'\n`, { mode: 0o755 });
  }
  vi.stubEnv("PATH", folder);
  onTestFinished(() => {
    vi.unstubAllEnvs();
  });
  return folder;
}

const find = () => findRedisServer(undefined, createLogger("fatal"));

test("findRedisServer returns the first server on PATH that is new enough, also Valkey", async () => {
  const folder = setPath({
    "redis-server": "Redis server v=6.2.14 sha=00000000:0 malloc=jemalloc-5.2.1 bits=64",
    "valkey-server": "Valkey server v=8.0.1 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64",
  });
  expect(await find()).toBe(join(folder, "valkey-server"));
});

test("findRedisServer rejects an old server with three remedies and installs no other", async () => {
  const folder = setPath({ "redis-server": "Redis server v=6.2.14 sha=00000000:0" });
  await expect(find()).rejects.toMatchObject({
    code: "store_unavailable",
    message: expect.stringMatching(
      new RegExp(`${folder}/redis-server 6.2.14 is too old.*Install redis-server.*REDIS_URL.*root on Debian`),
    ),
  });
});
