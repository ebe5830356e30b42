import { HeadraceError } from "../domain/errors.ts";
import { delay } from "../runtime/delay.ts";
import type { Logger } from "../runtime/logger.ts";
import { openChildLog } from "./child-log.ts";
import { freePort } from "./free-port.ts";
import { type Guarded, startGuarded } from "./guardian.ts";
import { endLeftover } from "./leftover.ts";
import type { RunAs } from "./run-as.ts";

/** How long a start may take, including the replay of the write-ahead log or the append-only file, ms. */
const START_MS = 120_000;
/** The number of tries to start while the port or shared memory is in use. */
const START_TRIES = 10;
/** The run time after which the back-off of restarts is reset, ms. */
const STEADY_MS = 60_000;
/** The longest wait before a restart, ms. */
const RESTART_MAX_DELAY_MS = 5_000;

/** The recipe to run one store. */
export interface StoreRecipe {
  name: "PostgreSQL" | "Redis";
  /** The folder of the data. The command line of the process must contain it. */
  directory: string;
  pidFile: string;
  logFile: string;
  stopSignal: "INT" | "TERM";
  runAs: RunAs | undefined;
  /** Prepares the start and returns the command that serves on this port of 127.0.0.1. */
  command(port: number): readonly string[];
  url(port: number): string;
  /** Resolves if the store serves at the URL; rejects otherwise. */
  probe(url: string): Promise<void>;
}

/** A private store that runs until it is stopped. */
export interface EmbeddedStore {
  /** Stays the same across restarts. */
  readonly url: string;
  /** The pid of the guardian, whose child is the store. */
  readonly pid: number;
  /** Shuts the store down and waits for its end. */
  stop(): Promise<void>;
  /** Kills the store with SIGKILL. It stays down until `restart`. */
  kill(): Promise<void>;
  /** Shuts the store down if it runs, and starts it again on the same port. */
  restart(): Promise<void>;
}

/**
 * Starts the store on a free port and resolves when it serves. If it dies, it is started again on the same port. Throws
 * `store_unavailable` with the last lines of its output.
 */
export async function startStore(recipe: StoreRecipe, log: Logger): Promise<EmbeddedStore> {
  const first = await launchOnFreePort(recipe);
  const { port } = first;
  let guarded = first.guarded;
  let wanted = true;
  let failures = 0;
  let turn: Promise<unknown> = Promise.resolve();
  void watch(guarded);

  /** Runs starts and stops one after the other. */
  function inTurn(act: () => Promise<void>): Promise<void> {
    const done = turn.then(act);
    turn = done.catch(() => {});
    return done;
  }
  async function start(): Promise<void> {
    wanted = true;
    guarded = await launch(recipe, port);
    void watch(guarded);
  }
  async function watch(watched: Guarded): Promise<void> {
    const sinceMs = performance.now();
    await watched.end;
    if (performance.now() - sinceMs > STEADY_MS) failures = 0;
    while (wanted && guarded === watched) {
      log.error({ store: recipe.name }, "an embedded store ended unexpectedly: restarting it");
      await delay(Math.min(100 * 2 ** failures, RESTART_MAX_DELAY_MS));
      failures += 1;
      await inTurn(async () => {
        if (wanted && guarded === watched) await start();
      }).catch((err: unknown) =>
        log.error({ store: recipe.name, err }, "an embedded store could not be started"),
      );
    }
  }
  return {
    url: recipe.url(port),
    get pid() {
      return guarded.pid;
    },
    stop: () =>
      inTurn(async () => {
        wanted = false;
        await guarded.stop();
      }),
    kill: () =>
      inTurn(async () => {
        wanted = false;
        await guarded.kill();
      }),
    restart: () =>
      inTurn(async () => {
        wanted = false;
        await guarded.stop();
        await start();
      }),
  };
}

async function launchOnFreePort(recipe: StoreRecipe): Promise<{ port: number; guarded: Guarded }> {
  for (let tries = 1; ; tries += 1) {
    const port = await freePort();
    try {
      return { port, guarded: await launch(recipe, port) };
    } catch (error) {
      // Another process took the port, or the kernel still holds the shared memory of a killed PostgreSQL.
      const isTemporary = error instanceof HeadraceError && error.message.includes("in use");
      if (!isTemporary || tries === START_TRIES) throw error;
      await delay(500);
    }
  }
}

async function launch(recipe: StoreRecipe, port: number): Promise<Guarded> {
  const { name, directory, stopSignal, runAs } = recipe;
  await endLeftover(recipe);
  const command = recipe.command(port);
  const output = openChildLog(recipe.logFile);
  const guarded = await startGuarded({ command, directory, stopSignal, runAs, logFd: output.fd });
  const deadline = performance.now() + START_MS;
  let cause: unknown;
  while (!guarded.ended && performance.now() < deadline) {
    try {
      await recipe.probe(recipe.url(port));
      void guarded.end.then(output.close);
      return guarded;
    } catch (error) {
      cause = error;
      await delay(25);
    }
  }
  await guarded.kill();
  const tail = output.tail();
  output.close();
  throw new HeadraceError("store_unavailable", `${name} did not start in ${directory}: ${tail}`, { cause });
}
