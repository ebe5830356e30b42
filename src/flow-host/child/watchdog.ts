import { writeSync } from "node:fs";
import { Session } from "node:inspector";
import { workerData } from "node:worker_threads";
import { type LastWords, WORDS_FD } from "../protocol.ts";

/** The options of a host's watchdog. */
export interface WatchdogData {
  /** Counted up by the host's event loop. */
  beats: SharedArrayBuffer;
  parentPid: number;
  tickMs: number;
  /** An event loop that makes no turn for so long is stuck, ms. */
  stuckMs: number;
  /** Resident memory of the process, bytes. */
  maxRssBytes: number;
}

/** How long the stuck thread may take to say where it is, and how often it is asked, ms. */
const LOOK_MS = 1_000;
const MAX_LOOKS = 20;

const { beats, parentPid, tickMs, stuckMs, maxRssBytes } = workerData as WatchdogData;
const counter = new Int32Array(beats);
const maxMissed = Math.ceil(stuckMs / tickMs);
let seen = -1;
let missed = 0;
let tickedMs = performance.now();
let isEnding = false;

/**
 * A thread beside the handlers' own, which an endless loop does not stop: ends the process when its parent is gone, when
 * its event loop is stuck, and when it takes too much memory, and tells the server why.
 */
setInterval(tick, tickMs);

function tick(): void {
  if (process.ppid !== parentPid) kill();
  if (isEnding) return;
  const nowMs = performance.now();
  const isLate = nowMs - tickedMs > 3 * tickMs;
  tickedMs = nowMs;
  const beat = Atomics.load(counter, 0);
  // Where this thread is late too, the whole process was paused or starved: that is nobody's fault.
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
    endWith(
      "memory",
      `The process took ${megabytes(rss)} MiB of the ${megabytes(maxRssBytes)} that it may take`,
    );
  }
}

function endWith(kind: LastWords["kind"], message: string): void {
  isEnding = true;
  const say = (where: Where | undefined) => {
    try {
      writeSync(WORDS_FD, `${JSON.stringify({ kind, message, ...where } satisfies LastWords)}\n`);
    } finally {
      kill();
    }
  };
  // The thread may be in native code, which cannot be paused.
  setTimeout(say, LOOK_MS, undefined);
  lookWhere(say);
}

interface Where {
  job?: number;
  owner?: string;
  stack?: string;
}

/** Pauses the thread of the handlers, and asks it whose code it runs. */
function lookWhere(onFound: (where: Where) => void): void {
  const session = new Session();
  let looks = 0;
  let best: Where | undefined;
  session.connectToMainThread();
  session.on("Debugger.paused", () => {
    const expression = 'globalThis[Symbol.for("headrace.where")]()';
    session.post("Runtime.evaluate", { expression, returnByValue: true, silent: true }, (_error, answer) => {
      const where = readWhere(answer?.result.value);
      looks += 1;
      best = where ?? best;
      if (isInFlow(where) || looks === MAX_LOOKS) {
        onFound(where ?? best ?? {});
        return;
      }
      // Between two turns of the code, as a loop of promises often is: it is asked again a little later.
      session.post("Debugger.resume", () => setTimeout(() => session.post("Debugger.pause"), 5));
    });
  });
  session.post("Debugger.enable", () => session.post("Debugger.pause"));
}

/** Whether a frame of the stack is in a file that is neither Node's nor the host's own. */
function isInFlow(where: Where | undefined): boolean {
  const frames = where?.stack?.split("\n").slice(1) ?? [];
  return frames.some((frame) => /[\\/].*:\d+:\d+\)?$/.test(frame) && !/node:|flow-host.child/.test(frame));
}

function readWhere(text: unknown): Where | undefined {
  try {
    return typeof text === "string" ? (JSON.parse(text) as Where) : undefined;
  } catch {
    return undefined;
  }
}

function kill(): void {
  // With what its handlers have started: it leads a process group of its own.
  process.kill(-process.pid, "SIGKILL");
}
