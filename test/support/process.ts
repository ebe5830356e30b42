import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { until } from "./until.ts";

export const ADMIN_KEY = randomBytes(24).toString("base64url");
export const ENCRYPTION_KEYS = `test:${randomBytes(32).toString("base64")}`;

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

export interface HeadraceProcess {
  readonly pid: number;
  readonly port: number;
  readonly url: string;
  /** Everything it has printed so far. */
  output(): string;
  /** Resolves when /readyz is green. */
  ready(): Promise<void>;
  /** Sends a signal and resolves with the exit code when the process is gone. */
  end(signal: NodeJS.Signals): Promise<number | null>;
  readonly ended: boolean;
}

/** Starts the built program, as a user would, on external stores. */
export function startHeadrace(options: {
  databaseUrl: string;
  redisUrl: string;
  port: number;
  roles?: string;
  env?: Record<string, string>;
}): HeadraceProcess {
  const { databaseUrl, redisUrl, port, roles, env } = options;
  const child = spawn(process.execPath, [MAIN, "start"], {
    env: {
      PATH: process.env["PATH"],
      DATABASE_URL: databaseUrl,
      REDIS_URL: redisUrl,
      PORT: String(port),
      HEADRACE_ADMIN_KEY: ADMIN_KEY,
      HEADRACE_ENCRYPTION_KEYS: ENCRYPTION_KEYS,
      HEADRACE_ALLOW_PRIVATE_TARGETS: "127.0.0.0/8",
      HEADRACE_DRAIN_NOTICE_MS: "0",
      ...(roles === undefined ? {} : { HEADRACE_ROLES: roles }),
      ...env,
    },
    stdio: ["ignore", "pipe", "pipe"],
  });
  return wrap(child, port);
}

function wrap(child: ChildProcess, port: number): HeadraceProcess {
  const url = `http://127.0.0.1:${port}`;
  let text = "";
  const keep = (chunk: Buffer) => {
    text = (text + chunk.toString()).slice(-200_000);
  };
  child.stdout?.on("data", keep);
  child.stderr?.on("data", keep);
  const exited = once(child, "exit");
  return {
    pid: child.pid as number,
    port,
    url,
    output: () => text,
    async ready() {
      const isReady = async () => {
        if (child.exitCode !== null) throw new Error(`the process exited with ${child.exitCode}:\n${text}`);
        const answer = await fetch(`${url}/readyz`, { signal: AbortSignal.timeout(2_000) }).catch(
          () => undefined,
        );
        return answer?.status === 200;
      };
      // Many processes that start at once each start slowly.
      await until(`${url} is ready`, isReady, { withinMs: 90_000 });
    },
    async end(signal) {
      child.kill(signal);
      await exited;
      return child.exitCode;
    },
    get ended() {
      return child.exitCode !== null || child.signalCode !== null;
    },
  };
}

/** Calls the management API with the admin key. Throws with the response if it is not a success. */
export async function api(url: string, method: string, path: string, body?: unknown): Promise<unknown> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    signal: AbortSignal.timeout(10_000),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return text === "" ? undefined : JSON.parse(text);
}
