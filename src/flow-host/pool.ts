import { type AloneQueue, createAloneQueue } from "./alone-queue.ts";
import { type CauseOfEnd, causeOfEnd } from "./cause-of-end.ts";
import { leastBusy } from "./choose-host.ts";
import type { HostPool, PoolDeps } from "./host-pool.ts";
import { type HostEnd, startHost } from "./host-process.ts";
import type { Host, Placed, PoolEnd } from "./placed-call.ts";
import type { FromHost, HostRequest } from "./protocol.ts";
import { createSuspects } from "./suspects.ts";

/** Keeps hosts warm, gives them calls, and finds out which call ended one. */
export function createHostPool(deps: PoolDeps): HostPool {
  const { bounds, monotonicMs } = deps;
  const suspects = createSuspects(bounds, monotonicMs);
  const hosts = new Set<Host>();
  const waiting = new Set<Placed>();
  const alone: AloneQueue<Placed> = createAloneQueue(bounds.maxAloneWaiting);
  let kept = 0;
  let jobs = 0;
  let failedStarts = 0;
  let nextStartMs = 0;
  let watchedMs = monotonicMs();
  let stopping = false;

  function place(placed: Placed): void {
    placed.sinceMs = monotonicMs();
    if (suspects.isSuspect(placed.call)) {
      placeAlone(placed);
      return;
    }
    const host = leastBusy(hosts, monotonicMs() - bounds.watchMs);
    if (host === undefined) waiting.add(placed);
    else give(host, placed);
  }

  function give(host: Host, placed: Placed): void {
    const { call } = placed;
    const { module } = call;
    placed.job = ++jobs;
    placed.host = host;
    host.calls.set(placed.job, placed);
    host.served += 1;
    host.usedMs = monotonicMs();
    placed.timer = setTimeout(() => {
      const message = `The handler took more than ${call.timeoutMs} ms`;
      leave(placed, { kind: "timed_out" }, { name: "TimeoutError", message });
    }, call.timeoutMs);
    try {
      if (!host.loaded.has(module.hash)) {
        host.process.send({ kind: "load", module: module.hash, file: module.file, text: module.text });
        host.loaded.add(module.hash);
      }
      host.process.send(call.message(placed.job));
    } catch (error) {
      const message = `The call cannot be written as JSON: ${(error as Error).message}`;
      end(placed, { kind: "threw", error: { message } });
    }
  }

  function placeAlone(placed: Placed): void {
    const { owner } = placed.call;
    const maxOfOwner = suspects.isQuarantined(owner) ? bounds.maxAloneOfQuarantined : bounds.maxAloneOfOwner;
    if (alone.add(owner, placed, maxOfOwner)) serveAlone();
    else end(placed, refusal("handler_alone"));
  }

  function refusal(reason: string): PoolEnd {
    return { kind: "refused", reason, delayMs: Math.round(bounds.refusedMs * (1 + deps.random())) };
  }

  /** Flows that have ended hosts leave a host for the others. */
  function serveAlone(): void {
    for (;;) {
      const own = [...hosts].filter((host) => host.isAlone && host.state !== "retiring");
      const free = own.find((host) => host.state === "ready" && host.calls.size === 0);
      if (free === undefined && own.length >= bounds.maxAlone) return;
      if (stopping || (free === undefined && !canStart())) return;
      const placed = alone.take((owner) => !suspects.isQuarantined(owner)) ?? takeQuarantined(own);
      if (placed === undefined) return;
      if (free !== undefined && !(placed.needsFresh && free.served > 0)) {
        give(free, placed);
        continue;
      }
      if (free !== undefined) retire(free);
      start(true, placed);
    }
  }

  function takeQuarantined(own: readonly Host[]): Placed | undefined {
    const owners = own.flatMap((host) => [...host.calls.values(), ...(host.reserved ? [host.reserved] : [])]);
    const busy = owners.filter(({ call }) => suspects.isQuarantined(call.owner)).length;
    return busy < Math.max(1, bounds.maxAlone - 1) ? alone.take(() => true) : undefined;
  }

  function canStart(): boolean {
    return !stopping && monotonicMs() >= nextStartMs;
  }

  function ensure(): void {
    const shared = [...hosts].filter((host) => !host.isAlone && host.state !== "retiring");
    for (let missing = kept - shared.length; missing > 0 && canStart(); missing -= 1) start(false);
  }

  function start(isAlone: boolean, reserved?: Placed): void {
    const startedMs = monotonicMs();
    const host: Host = {
      ...{
        state: "starting",
        isAlone,
        reserved,
        served: 0,
        startedMs,
        usedMs: startedMs,
        pingedMs: undefined,
      },
      calls: new Map(),
      loaded: new Set(),
      process: startHost({
        ...{ entry: deps.entry, env: deps.env, memoryMb: deps.memoryMb, bounds, onOutput: deps.onOutput },
        onMessage: (message) => take(host, message),
        onEnd: (ended) => onHostEnd(host, ended),
      }),
    };
    hosts.add(host);
    const { steps, log, maxPageBytes, lingerMs } = bounds;
    host.process.send({ kind: "configure", bounds: { steps, log, maxPageBytes, lingerMs } });
  }

  function take(host: Host, message: FromHost): void {
    host.pingedMs = undefined;
    if (message.kind === "ready") onReady(host);
    else if (message.kind === "stray") deps.onStray(message.owner, message.error);
    if (!("job" in message)) return;
    const placed = host.calls.get(message.job);
    if (placed === undefined) return;
    switch (message.kind) {
      case "line":
        placed.call.onLine(message);
        return;
      case "request":
        void answer(host, placed, message.request, message.ask);
        return;
      case "returned":
      case "threw":
        if (message.dropped !== undefined) placed.call.onDropped(message.dropped);
        suspects.clear(placed.call.runId);
        end(
          placed,
          message.kind === "threw"
            ? { kind: "threw", error: message.error }
            : { kind: "returned", page: message.page },
        );
    }
  }

  function onReady(host: Host): void {
    failedStarts = 0;
    if (host.state === "starting") host.state = "ready";
    const { reserved } = host;
    host.reserved = undefined;
    if (reserved !== undefined && !settled.has(reserved)) give(host, reserved);
    if (host.isAlone) serveAlone();
    else {
      const placed = [...waiting];
      waiting.clear();
      placed.forEach(place);
    }
  }

  async function answer(host: Host, placed: Placed, request: number, ask: HostRequest): Promise<void> {
    const { job } = placed;
    try {
      const value = await placed.call.answer(ask);
      host.process.send({ kind: "reply", job, request, value });
    } catch (error) {
      host.process.send({ kind: "reply", job, request, error: (error as Error).message });
    }
  }

  const settled = new WeakSet<Placed>();

  function end(placed: Placed, result: PoolEnd): void {
    const host = detach(placed);
    settled.add(placed);
    placed.settle(result);
    if (host === undefined) return;
    if (host.state === "retiring" && host.calls.size === 0) host.process.close();
    if (host.isAlone && host.state === "ready") serveAlone();
  }

  function detach(placed: Placed): Host | undefined {
    const { host } = placed;
    clearTimeout(placed.timer);
    placed.host = undefined;
    host?.calls.delete(placed.job);
    if (host === undefined) {
      waiting.delete(placed);
      alone.remove(placed.call.owner, placed);
    }
    return host;
  }

  /** Nobody waits for it any more: its code is told, and left behind. */
  function leave(placed: Placed, result: PoolEnd, reason: { name: string; message: string }): void {
    const { host, job } = placed;
    host?.process.send({ kind: "abort", job, reason });
    // Code that it left running there could be taken for the next one's.
    if (host?.isAlone) retire(host);
    end(placed, result);
  }

  function retire(host: Host): void {
    host.state = "retiring";
    if (host.calls.size === 0 && host.reserved === undefined) host.process.close();
  }

  function onHostEnd(host: Host, ended: HostEnd): void {
    hosts.delete(host);
    const calls = [...host.calls.values()];
    if (host.reserved !== undefined) calls.push(host.reserved);
    const isExpected = stopping || (host.state === "retiring" && calls.length === 0);
    const cause = causeOfEnd(ended);
    if (host.state === "starting" && !isExpected) {
      failedStarts += 1;
      const backoffMs = Math.min(bounds.maxBackoffMs, bounds.minBackoffMs * 2 ** (failedStarts - 1));
      nextStartMs = monotonicMs() + backoffMs;
    }
    if (!isExpected) deps.onHostEnd(host.process.pid, cause, calls.length);
    const { words } = ended;
    const isKnown = words?.kind === "stuck" && words.owner !== undefined;
    if (isKnown && !host.calls.has(words.job ?? 0)) suspects.quarantine(words.owner as string);
    for (const placed of calls) {
      detach(placed);
      if (stopping) end(placed, refusal("flow_hosts"));
      else if (host.served === 1 && placed !== host.reserved) convict(placed, cause);
      else if (isKnown && words.job !== placed.job && ++placed.deaths < bounds.maxDeaths) place(placed);
      else {
        placed.needsFresh = host.isAlone;
        if (placed !== host.reserved) suspects.suspect(placed.call.runId);
        placeAlone(placed);
      }
    }
    ensure();
    serveAlone();
  }

  /** It was the only one that its host ever had. */
  function convict(placed: Placed, cause: CauseOfEnd): void {
    const { runId, owner } = placed.call;
    suspects.suspect(runId);
    suspects.quarantine(owner);
    const { code, message, stack } = cause;
    end(
      placed,
      code === "HANDLER_THREW" ? { kind: "threw", error: { message, stack } } : { kind: "died", ...cause },
    );
  }

  function refuseOld(nowMs: number): void {
    const oldMs = nowMs - bounds.maxWaitMs;
    for (const placed of waiting) if (placed.sinceMs < oldMs) end(placed, refusal("flow_hosts"));
  }

  return {
    call(call) {
      return new Promise((resolve) => {
        if (call.signal.aborted) return resolve({ kind: "aborted" });
        if (stopping) return resolve(refusal("flow_hosts"));
        const placed: Placed = {
          ...{ call, job: 0, host: undefined, sinceMs: 0, deaths: 0, needsFresh: false, timer: undefined },
          settle(result) {
            call.signal.removeEventListener("abort", onAbort);
            resolve(result);
          },
        };
        const onAbort = () => {
          const { name = "AbortError", message = "" } = (call.signal.reason ?? {}) as Error;
          leave(placed, { kind: "aborted" }, { name, message });
        };
        call.signal.addEventListener("abort", onAbort, { once: true });
        place(placed);
      });
    },
    keep(count) {
      kept = count;
      ensure();
    },
    renew() {
      for (const host of [...hosts]) retire(host);
      ensure();
    },
    watch() {
      const nowMs = monotonicMs();
      // Where this process itself stood still, nobody could answer it.
      const wasPaused = nowMs - watchedMs > 4 * bounds.watchMs;
      watchedMs = nowMs;
      for (const host of [...hosts]) {
        if (host.state === "starting") {
          if (nowMs - host.startedMs > bounds.startMs) host.process.kill();
          continue;
        }
        if (wasPaused) host.pingedMs = undefined;
        if (host.pingedMs !== undefined && nowMs - host.pingedMs > bounds.silentMs) host.process.kill();
        if (host.pingedMs === undefined) {
          host.pingedMs = nowMs;
          host.process.send({ kind: "ping" });
        }
        const isIdle = host.isAlone && host.state === "ready" && host.calls.size === 0;
        if (isIdle && nowMs - host.usedMs > bounds.idleMs) retire(host);
      }
      refuseOld(nowMs);
      ensure();
      serveAlone();
      const isWithout = kept > 0 && ![...hosts].some((host) => !host.isAlone && host.state === "ready");
      if (isWithout && failedStarts > 0)
        throw new Error("no process for the handlers of flows can be started");
      return { waitMs: bounds.watchMs };
    },
    async stop() {
      stopping = true;
      kept = 0;
      const all = [...hosts];
      for (const host of all) host.process.close();
      const ended = Promise.all(all.map((host) => host.process.ended));
      await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, bounds.stopMs).unref())]);
      for (const host of hosts) host.process.kill();
      await ended;
    },
  };
}
