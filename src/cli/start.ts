import { seedDemo } from "../demo/demo.ts";
import { createLogger } from "../runtime/logger.ts";
import { readConfig } from "../wiring/config.ts";
import { start } from "../wiring/start.ts";

/** How often a process that npm started checks that npm is still running, ms. */
const PARENT_CHECK_MS = 250;

/** How long a process may take to drain after an uncaught error, ms. */
const FAILED_DRAIN_MS = 15_000;

/**
 * `headrace start`: serves until SIGINT or SIGTERM, or until the npm that started it has ended; then drains. A SIGTERM
 * gives notice before the drain. A SIGINT does not, and ends the notice of a SIGTERM. Further signals change nothing. An
 * uncaught error drains without notice and ends the process with exit code 1.
 */
export async function runStart(): Promise<void> {
  const config = readConfig(process.env);
  const log = createLogger(config.logLevel);
  const ending = new AbortController();
  const noticeEnd = new AbortController();
  const parent = process.ppid;
  let isServing = false;
  const onEnd = (reason: string, asksForNotice = false) => {
    const givesNotice = asksForNotice && isServing;
    if (!givesNotice) noticeEnd.abort();
    if (ending.signal.aborted) return;
    const noticeMs = givesNotice ? config.drainNoticeMs : 0;
    log.info({ reason, notice_ms: noticeMs }, "stopping");
    ending.abort();
  };
  const onUncaught = (error: unknown) => {
    log.fatal({ err: error }, "uncaught error: the process drains and ends");
    if (process.exitCode === 1) return;
    process.exitCode = 1;
    // Ends a drain that hangs, since the error may have broken it.
    setTimeout(() => process.exit(1), FAILED_DRAIN_MS).unref();
    onEnd("an uncaught error");
  };
  process.on("uncaughtException", onUncaught);
  process.on("unhandledRejection", onUncaught);
  process.on("SIGINT", () => onEnd("SIGINT"));
  process.on("SIGTERM", () => onEnd("SIGTERM", true));
  if (process.env["npm_lifecycle_event"] !== undefined) {
    setInterval(
      () => process.ppid !== parent && onEnd("the parent process has ended"),
      PARENT_CHECK_MS,
    ).unref();
  }

  const running = await start(config, log, ending.signal);
  isServing = true;
  log.info({ url: running.url, roles: [...config.roles], pid: process.pid }, "serving");
  if (config.roles.has("api") && (running.stores.embedded || config.demo)) {
    for (const line of await seedDemo({
      url: running.url,
      adminKey: running.stores.adminKey,
      madeAdminKey: running.stores.madeAdminKey,
      hasAdminKeySetting: config.adminKey !== undefined,
      dataDir: config.dataDir,
    }))
      console.log(line);
  }
  if (!ending.signal.aborted) {
    await new Promise((resolve) => ending.signal.addEventListener("abort", resolve, { once: true }));
  }
  await running.stop({ ms: config.drainNoticeMs, signal: noticeEnd.signal });
  log.info("stopped");
  process.exit(process.exitCode ?? 0);
}
