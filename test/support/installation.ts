import { onTestFinished } from "vitest";
import { freePorts } from "./ports.ts";
import { type HeadraceProcess, startHeadrace } from "./process.ts";
import { createDatabase, testRedisUrl } from "./stores.ts";

/** Processes of the built program over one database and one Redis. */
export interface Installation {
  readonly databaseUrl: string;
  readonly redisUrl: string;
  /** Starts a process and returns at once, for one that may end before it is ready. */
  launch(options?: ProcessOptions): HeadraceProcess;
  /** Starts a process and waits until it is ready. */
  start(options?: ProcessOptions): Promise<HeadraceProcess>;
}

export interface ProcessOptions {
  /** All roles by default. */
  roles?: string | undefined;
  env?: Record<string, string>;
  /** A free port by default. */
  port?: number | undefined;
}

/** Processes that one installation starts on ports of its choice. */
const MAX_PROCESSES = 12;

/**
 * An installation on the given stores: by default a new migrated database and the Redis that all tests share.
 * Its processes are killed when the test ends.
 */
export async function createInstallation(
  stores: { databaseUrl?: string; redisUrl?: string } = {},
): Promise<Installation> {
  const databaseUrl = stores.databaseUrl ?? (await temporaryDatabase());
  const redisUrl = stores.redisUrl ?? testRedisUrl();
  const ports = await freePorts(MAX_PROCESSES);
  function launch({ roles, env = {}, port = ports.shift() }: ProcessOptions = {}): HeadraceProcess {
    if (port === undefined) throw new Error(`An installation has at most ${MAX_PROCESSES} processes`);
    const headrace = startHeadrace({
      databaseUrl,
      redisUrl,
      port,
      env,
      ...(roles === undefined ? {} : { roles }),
    });
    onTestFinished(async () => {
      if (!headrace.ended) await headrace.end("SIGKILL");
    });
    return headrace;
  }
  return {
    databaseUrl,
    redisUrl,
    launch,
    async start(options) {
      const headrace = launch(options);
      await headrace.ready();
      return headrace;
    },
  };
}

async function temporaryDatabase(): Promise<string> {
  const { url, drop } = await createDatabase();
  onTestFinished(drop);
  return url;
}
