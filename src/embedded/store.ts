import { setTimeout as delay } from "node:timers/promises";
import { HeadraceError } from "../domain/errors.ts";
import type { Logger } from "../runtime/logger.ts";
import { openChildLog } from "./child-log.ts";
import { freePort } from "./free-port.ts";
import { type Guarded, startGuarded } from "./guardian.ts";
import { endLeftover } from "./leftover.ts";
import type { RunAs } from "./run-as.ts";

/** How long a start may take, which replays the write-ahead log or the append-only file, ms. */
const START_MS = 120_000;
/** How often a port, or what a killed store left in the kernel, may be in use before a start gives up. */
const START_TRIES = 10;
/** A store that dies by itself waits longer and longer before it is started again, until it ran this long, ms. */
const STEADY_MS = 60_000;
const RESTART_MAX_DELAY_MS = 5_000;

/** How to run one store. */
export interface StoreRecipe {
  name: "PostgreSQL" | "Redis";
  /** Its data; the command line of its process must name it. */
  directory: string;
  pidFile: string;
  logFile: string;
  stopSignal: "INT" | "TERM";
  runAs: RunAs | undefined;
  /** Makes ready what the command needs, and gives the command for this port of 127.0.0.1. */
  command(port: number): readonly string[];
  url(port: number): string;
  /** Resolves when the store serves at the URL, and rejects until then. */
  probe(url: string): Promise<void>;
}

/** A private store that runs until it is stopped. */
export interface EmbeddedStore {
  /** Stays the same over restarts. */
  readonly url: string;
  /** The process whose children are the store's. */
  readonly pid: number;
  /** Stops it in order; nothing of it runs any more then. */
  stop(): Promise<void>;
  /** Kills all of it with SIGKILL; it stays down until `restart`. */
  kill(): Promise<void>;
  /** Stops it in order if it runs, and starts it again on the same port. */
  restart(): Promise<void>;
}

/**
 * Starts the store on a free port and resolves when it serves. When it dies by itself it is started again, on the same
 * port. Throws `store_unavailable` with its last words.
 */
export async function startStore(recipe: StoreRecipe, log: Logger): Promise<EmbeddedStore> {
  const first = await launchOnFreePort(recipe);
  const { port } = first;
  let guarded = first.guarded;
  let wanted = true;
  let failures = 0;
  let turn: Promise<unknown> = Promise.resolve();
  void watch(guarded);

  /** Starting and stopping wait for each other. */
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
      log.error({ store: recipe.name }, "an embedded store ended by itself: starting it again");
      await delay(Math.min(100 * 2 ** failures, RESTART_MAX_DELAY_MS));
      failures += 1;
      await inTurn(async () => {
        if (wanted && guarded === watched) await start();
      }).catch((err: unknown) => log.error({ store: recipe.name, err }, "an embedded store does not start"));
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
      const passing = error instanceof HeadraceError && error.message.includes("in use");
      if (!passing || tries === START_TRIES) throw error;
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
  const words = output.tail();
  output.close();
  throw new HeadraceError("store_unavailable", `${name} did not start in ${directory}: ${words}`, { cause });
}
