import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";
import { type EndReport, REPORT_FD } from "../protocol.ts";

/** The options of the watchdog of a host. */
export interface WatchdogData {
  /** A counter that the event loop of the host increments. */
  beats: SharedArrayBuffer;
  parentPid: number;
  tickMs: number;
  /** The time without a turn after which an event loop is stuck, ms. */
  stuckMs: number;
  /** The resident memory of the process, at most, bytes. */
  maxRssBytes: number;
}

/** How long locating the running code may take, ms. */
const PAUSE_MS = 1_000;
/** How often the stuck thread is paused to locate the code. */
const MAX_PAUSES = 20;

const { beats, parentPid, tickMs, stuckMs, maxRssBytes } = workerData as WatchdogData;
const counter = new Int32Array(beats);
const maxMissed = Math.ceil(stuckMs / tickMs);
let seen = -1;
let missed = 0;
let tickedMs = performance.now();
let isEnding = false;

/**
 * Runs in a thread of its own, which an endless loop in a handler does not stop. Ends the process, with a report to the
 * server, when its parent is gone, its event loop is stuck, or it takes too much memory.
 */
setInterval(tick, tickMs);

function tick(): void {
  if (process.ppid !== parentPid) kill();
  if (isEnding) return;
  const nowMs = performance.now();
  const isLate = nowMs - tickedMs > 3 * tickMs;
  tickedMs = nowMs;
  const beat = Atomics.load(counter, 0);
  // If this thread is late as well, the whole process was paused or starved.
  if (beat !== seen || isLate) missed = 0;
  else missed += 1;
  seen = beat;
  if (missed >= maxMissed) {
    endWith("stuck", `The event loop made no turn for ${stuckMs} ms`);
    return;
  }
  const rss = process.memoryUsage.rss();
  if (rss > maxRssBytes) {
    const megabytes = (bytes: number) => Math.round(bytes / 1_048_576);
    endWith("memory", `The process took ${megabytes(rss)} MiB of at most ${megabytes(maxRssBytes)} MiB`);
  }
}

function endWith(kind: EndReport["kind"], message: string): void {
  isEnding = true;
  const say = (where: Location | undefined) => {
    try {
      writeSync(REPORT_FD, `${JSON.stringify({ kind, message, ...where } satisfies EndReport)}\n`);
    } finally {
      kill();
    }
  };
  // Native code cannot be paused.
  setTimeout(say, PAUSE_MS, undefined);
  findRunningCode(say);
}

interface Location {
  job?: number;
  owner?: string;
  stack?: string;
}

/** Pauses the thread of the handlers to find the owner of the running code. */
function findRunningCode(onFound: (where: Location) => void): void {
  const session = new Session();
  let pauses = 0;
  let best: Location | undefined;
  session.connectToMainThread();
  session.on("Debugger.paused", () => {
    const expression = 'globalThis[Symbol.for("headrace.where")]()';
    session.post("Runtime.evaluate", { expression, returnByValue: true, silent: true }, (_error, answer) => {
      const where = parseLocation(answer?.result.value);
      pauses += 1;
      best = where ?? best;
      if (isInFlow(where) || pauses === MAX_PAUSES) {
        onFound(where ?? best ?? {});
        return;
      }
      // Paused between two turns of a loop of promises: tries again later.
      session.post("Debugger.resume", () => setTimeout(() => session.post("Debugger.pause"), 5));
    });
  });
  session.post("Debugger.enable", () => session.post("Debugger.pause"));
}

/** Returns whether a frame of the stack is in neither Node nor the flow host. */
function isInFlow(where: Location | undefined): boolean {
  const frames = where?.stack?.split("\n").slice(1) ?? [];
  return frames.some((frame) => /[\\/].*:\d+:\d+\)?$/.test(frame) && !/node:|flow-host.child/.test(frame));
}

function parseLocation(text: unknown): Location | undefined {
  try {
    return typeof text === "string" ? (JSON.parse(text) as Location) : undefined;
  } catch {
    return undefined;
  }
}

function kill(): void {
  // Kills the process group, with processes that handlers started.
  process.kill(-process.pid, "SIGKILL");
}
