import { AsyncLocalStorage, createHook } from "node:async_hooks";
import { Socket } from "node:net";
import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { ThrownError } from "../../domain/flow/handler-call.ts";
import {
  CHANNEL_FD,
  type ChildBounds,
  createLineReader,
  type FromHost,
  type PageError,
  type ToHost,
} from "../protocol.ts";
import { describeThrown, read, retryOf } from "./describe.ts";
import { type CodeContext, installGuards, reportEnd } from "./guards.ts";
import { Job, pageContext, RunContext } from "./job.ts";
import { definitionOf, importModule, type LoadedModule, NoFlow } from "./modules.ts";
import { createOutbox } from "./outbox.ts";
import { pageError, pageToSend } from "./page.ts";
import { failedStep } from "./steps.ts";
import type { WatchdogData } from "./watchdog.ts";

/**
 * A flow host: a process that only runs the code of flow files. It receives its calls over a pipe, has only the
 * environment that handlers may see, and ends with the server.
 */
const [parentPid = 0, stuckMs = 0, maxRssBytes = 0] = process.argv.slice(2).map(Number);

/** The interval in which the event loop counts up for the watchdog, ms. */
const BEAT_MS = 100;
/** How long steps that were aborted may take to end, ms. */
const ABORT_MS = 100;
/** Timers tracked per job. */
const MAX_TIMERS = 1_000;

const { exit } = process;
const context = new AsyncLocalStorage<CodeContext>();
const jobs = new Map<number, Job>();
const modules = new Map<string, Promise<LoadedModule> | LoadedModule>();
const channel = new Socket({ fd: CHANNEL_FD, readable: true, writable: true });
const outbox = createOutbox(channel);
let bounds: ChildBounds;

process.setSourceMapsEnabled(true);
installGuards({ current: () => context.getStore(), onEscaped });
createHook({ init: noteTimer }).enable();
startWatchdog();
channel.setEncoding("utf8");
channel.on(
  "data",
  createLineReader(Number.POSITIVE_INFINITY, (line) => take(JSON.parse(line) as ToHost)),
);
channel.on("error", () => exit.call(process, 0));
channel.on("close", () => exit.call(process, 0));

function take(message: ToHost): void {
  switch (message.kind) {
    case "configure":
      bounds = message.bounds;
      return;
    case "load":
      load(message);
      return;
    case "run":
    case "page":
      begin(message);
      return;
    case "abort":
      jobs.get(message.job)?.abort(message.reason);
      jobs.delete(message.job);
      return;
    case "reply":
      jobs.get(message.job)?.onReply(message.request, message);
      return;
    case "ping":
      outbox.send({ kind: "pong" });
  }
}

function load({ module, file, text }: Extract<ToHost, { kind: "load" }>): void {
  const owner = `file ${file}`;
  const loading = context.run({ owner }, () => importModule(file, module, text));
  modules.set(module, loading);
  loading
    .then((loaded) => {
      outbox.send({ kind: "loaded", module, definition: definitionOf(loaded) });
      modules.set(module, loaded);
    })
    .catch((error: unknown) => {
      const imported = error instanceof NoFlow;
      outbox.send({ kind: "unloadable", module, imported, error: describeThrown(error) });
    });
}

type Call = Extract<ToHost, { kind: "run" | "page" }>;

function begin(message: Call): void {
  const job = new Job(message, bounds, outbox.send, message.kind === "run" ? message.timeoutMs : 0);
  jobs.set(job.number, job);
  const loaded = modules.get(message.module);
  if (loaded instanceof Promise) {
    loaded.then(
      (module) => context.run(job, call, job, module, message),
      (error: unknown) => end(job, { error: describeThrown(error) }),
    );
  } else context.run(job, call, job, loaded as LoadedModule, message);
}

/** Calls the code of a job. Runs in the async context of the job. */
function call(job: Job, module: LoadedModule, message: Call): void {
  const onThrown = (thrown: unknown) =>
    message.kind === "page" ? end(job, { error: pageError(thrown) }) : fail(job, withStep(thrown));
  const onReturned = (value: unknown) => {
    try {
      if (message.kind === "run") afterSteps(job, () => endWhenTimersFired(job));
      else {
        const sent = pageToSend(value, bounds.maxPageBytes);
        end(job, "error" in sent ? sent : { page: sent.text });
      }
    } catch (thrown) {
      onThrown(thrown);
    }
  };
  try {
    const result = startCode(job, module, message);
    if (isThenable(result)) Promise.resolve(result).then(onReturned, onThrown);
    else onReturned(result);
  } catch (thrown) {
    onThrown(thrown);
  }
}

function startCode(job: Job, module: LoadedModule, message: Call): unknown {
  if (message.kind === "run") {
    if (!("handler" in module)) throw new Error("The file no longer defines a flow");
    return module.handler(new RunContext(job, message.run, bounds.steps));
  }
  if (!("fetchPage" in module)) throw new Error("The file no longer defines a source");
  return module.fetchPage(pageContext(job, message.page) as never);
}

/** Returns whether a value is a promise, also of another library. */
function isThenable(result: unknown): result is PromiseLike<unknown> {
  return typeof (result as PromiseLike<unknown> | null | undefined)?.then === "function";
}

function withStep(thrown: unknown): ThrownError {
  return { ...describeThrown(thrown), step: failedStep(thrown), ...retryOf(thrown) };
}

/**
 * Fails a job once its steps have ended, so that the next attempt repeats none that is still under way. No further step
 * begins. At the deadline they are aborted.
 */
function fail(job: Job, error: PageError | ThrownError): void {
  if (job.isSettled) {
    end(job, { error });
    return;
  }
  job.steps.close();
  if (job.failure !== undefined) return;
  job.failure = error;
  const timer = setTimeout(() => {
    job.abort({ name: "TimeoutError", message: "The attempt has failed, and its time is over" });
    setTimeout(settle, ABORT_MS);
  }, job.leftMs);
  afterSteps(job, settle);

  function settle(): void {
    clearTimeout(timer);
    const { unkept } = job.steps;
    if (unkept === undefined) end(job, { error });
    else end(job, { error: { ...withStep(unkept), endsRunAs: "STEP_NOT_KEPT" } });
  }
}

function afterSteps(job: Job, then: () => void): void {
  if (job.steps.isEmpty) then();
  else void job.steps.ended().then(then);
}

/** Ends a job once its short timers have fired, so that an error thrown in one still fails the job. */
function endWhenTimersFired(job: Job): void {
  const waitMs = Math.max(-1, ...job.timers.map(leftMs));
  if (waitMs < 0) end(job, {});
  else setTimeout(end, waitMs + 1, job, {});
}

/** Returns how long a timer may still take, ms; -1 for one that has fired, is unreferenced or takes too long. */
function leftMs(timer: object): number {
  if (read(timer, "_destroyed") === true) return -1;
  const ms = (read(timer, "_idleTimeout") ?? 0) as number;
  if (ms > bounds.lingerMs) return -1;
  return (timer as NodeJS.Timeout).hasRef() ? ms : -1;
}

function noteTimer(_id: number, type: string, _trigger: number, resource: object): void {
  if (type !== "Timeout" && type !== "Immediate") return;
  const job = context.getStore();
  if (job instanceof Job && !job.isSettled && job.timers.length < MAX_TIMERS) job.timers.push(resource);
}

/** Ends a job. Its first failure wins, even after its handler has returned, while the end is not sent yet. */
function end(job: Job, { error, page }: { error?: PageError | ThrownError; page?: string }): void {
  const mayFail = !job.hasFailed && (!job.isSettled || outbox.isEnding(job.number));
  if (error === undefined ? job.isSettled || job.failure !== undefined : !mayFail) return;
  job.isSettled = true;
  job.hasFailed = error !== undefined;
  jobs.delete(job.number);
  const dropped = job.droppedLines > 0 ? { dropped: job.droppedLines } : undefined;
  const message: FromHost =
    error === undefined
      ? { kind: "returned", job: job.number, ...dropped }
      : { kind: "threw", job: job.number, error, ...dropped };
  const line = JSON.stringify(message);
  outbox.end(job.number, page === undefined ? line : `${line.slice(0, -1)},"page":${page}}`);
}

function onEscaped(of: CodeContext, error: ThrownError, endsProcess: boolean): void {
  const reported = endsProcess ? { ...error, code: "HANDLER_CRASHED" } : error;
  if (of instanceof Job && (!of.isSettled || outbox.isEnding(of.number))) fail(of, reported);
  else outbox.send({ kind: "stray", owner: of.owner, error });
}

function startWatchdog(): void {
  const beats = new SharedArrayBuffer(4);
  const counter = new Int32Array(beats);
  setInterval(() => Atomics.add(counter, 0, 1), BEAT_MS);
  // Evaluated by the watchdog while this thread is paused.
  Object.defineProperty(globalThis, Symbol.for("headrace.where"), { value: where });
  const workerData: WatchdogData = { beats, parentPid, tickMs: BEAT_MS, stuckMs, maxRssBytes };
  const watchdog = new Worker(new URL(`./watchdog${extname(import.meta.url)}`, import.meta.url), {
    workerData,
    stderr: false,
  });
  watchdog.once("online", () => outbox.send({ kind: "ready" }));
  watchdog.once("error", (error) => {
    reportEnd({ kind: "exit", ...describeThrown(error) });
    exit.call(process, 1);
  });
}

/** Returns the owner of the running code and its stack, as JSON; undefined if it has no owner. */
function where(): string | undefined {
  const of = context.getStore();
  if (of === undefined) return undefined;
  const location = new Error("The event loop is stuck here");
  Error.captureStackTrace(location, where);
  return JSON.stringify({ job: of.number, owner: of.owner, stack: location.stack });
}
