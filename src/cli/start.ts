import { setFlagsFromString } from "node:v8";
import { readConfig } from "../app/config.ts";
import { seedDemo } from "../app/demo.ts";
import { createLogger } from "../app/logger.ts";
import { start } from "../app/start.ts";

/** How often a process that npm started looks whether npm is still there, ms. */
const PARENT_CHECK_MS = 250;

/**
 * By how much the heap of a process that receives may grow, from what is alive in it, before all of it is marked anew, %.
 * Marking takes every core for some 60 ms, and the answers wait: V8's own choice, some 90 %, lets that happen every few
 * seconds at half load. Costs some 100 MiB.
 */
const HEAP_GROWTH_PERCENT = 300;

/** `headrace start`: serves until SIGINT or SIGTERM, or until the npm that started it is gone; then drains. */
export async function runStart(): Promise<void> {
  const config = readConfig(process.env);
  if (config.roles.has("receive")) setFlagsFromString(`--heap-growing-percent=${HEAP_GROWTH_PERCENT}`);
  const log = createLogger(config.logLevel);
  const ending = new AbortController();
  const parent = process.ppid;
  const onEnd = (reason: string) => {
    if (ending.signal.aborted) return;
    log.info({ reason }, "stopping");
    ending.abort();
  };
  process.on("SIGINT", () => onEnd("SIGINT"));
  process.on("SIGTERM", () => onEnd("SIGTERM"));
  if (process.env["npm_lifecycle_event"] !== undefined) {
    setInterval(
      () => process.ppid !== parent && onEnd("the parent process is gone"),
      PARENT_CHECK_MS,
    ).unref();
  }

  const running = await start(config, log, ending.signal);
  log.info({ url: running.url, roles: [...config.roles], pid: process.pid }, "serving");
  if (config.roles.has("api") && (running.settings.embedded || config.demo)) {
    for (const line of await seedDemo(running, config)) console.log(line);
  }
  if (!ending.signal.aborted) {
    await new Promise((resolve) => ending.signal.addEventListener("abort", resolve, { once: true }));
  }
  await running.stop();
  log.info("stopped");
  process.exit(0);
}
