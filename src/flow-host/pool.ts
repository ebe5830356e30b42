import { delay } from "../runtime/delay.ts";
import { type AloneQueue, createAloneQueue } from "./alone-queue.ts";
import { type CauseOfEnd, causeOfEnd } from "./cause-of-end.ts";
import { leastBusy } from "./choose-host.ts";
import type { HostPool, PoolDeps } from "./host-pool.ts";
import { type HostEnd, startHost } from "./host-process.ts";
import type { Host, PendingCall, PoolEnd } from "./pool-call.ts";
import type { FromHost, HostRequest } from "./protocol.ts";
import { createSuspects } from "./suspects.ts";

/** Creates a pool that keeps hosts running, distributes calls, and finds the call that ended a host. */
export function createHostPool(deps: PoolDeps): HostPool {
  const { bounds, monotonicMs } = deps;
  const suspects = createSuspects(bounds, monotonicMs);
  const hosts = new Set<Host>();
  const waiting = new Set<PendingCall>();
  const alone: AloneQueue<PendingCall> = createAloneQueue(bounds.maxAloneWaiting);
  let kept = 0;
  let jobs = 0;
  let failedStarts = 0;
  let nextStartMs = 0;
  let watchedMs = monotonicMs();
  let stopping = false;

  function dispatch(pending: PendingCall): void {
    pending.sinceMs = monotonicMs();
    if (suspects.isSuspect(pending.call)) {
      dispatchAlone(pending);
      return;
    }
    const host = leastBusy(hosts, monotonicMs() - bounds.watchMs);
    if (host === undefined) waiting.add(pending);
    else give(host, pending);
  }

  function give(host: Host, pending: PendingCall): void {
    const { call } = pending;
    const { module } = call;
    pending.job = ++jobs;
    pending.host = host;
    host.calls.set(pending.job, pending);
    host.served += 1;
    host.usedMs = monotonicMs();
    pending.timer = setTimeout(() => {
      const message = `The handler took more than ${call.timeoutMs} ms`;
      abandon(pending, { kind: "timed_out" }, { name: "TimeoutError", message });
    }, call.timeoutMs);
    try {
      if (!host.loaded.has(module.hash)) {
        host.process.send({ kind: "load", module: module.hash, file: module.file, text: module.text });
        host.loaded.add(module.hash);
      }
      host.process.send(call.message(pending.job));
    } catch (error) {
      const message = `The call cannot be written as JSON: ${(error as Error).message}`;
      end(pending, { kind: "threw", error: { message } });
    }
  }

  function dispatchAlone(pending: PendingCall): void {
    const { owner } = pending.call;
    const maxOfOwner = suspects.isQuarantined(owner) ? bounds.maxAloneOfQuarantined : bounds.maxAloneOfOwner;
    if (alone.add(owner, pending, maxOfOwner)) dispatchWaitingAlone();
    else end(pending, refusal("handler_alone"));
  }

  function refusal(reason: string): PoolEnd {
    return { kind: "refused", reason, delayMs: Math.round(bounds.refusedMs * (1 + deps.random())) };
  }

  /** Dispatches waiting calls to hosts of their own. Owners in quarantine leave one host for the others. */
  function dispatchWaitingAlone(): void {
    for (;;) {
      const own = [...hosts].filter((host) => host.isAlone && host.state !== "retiring");
      const free = own.find((host) => host.state === "ready" && host.calls.size === 0);
      if (free === undefined && own.length >= bounds.maxAlone) return;
      if (stopping || (free === undefined && !canStart())) return;
      const pending = alone.take((owner) => !suspects.isQuarantined(owner)) ?? takeQuarantined(own);
      if (pending === undefined) return;
      if (free !== undefined && !(pending.needsFresh && free.served > 0)) {
        give(free, pending);
        continue;
      }
      if (free !== undefined) retire(free);
      start(true, pending);
    }
  }

  function takeQuarantined(own: readonly Host[]): PendingCall | undefined {
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

  function start(isAlone: boolean, reserved?: PendingCall): void {
    const startedMs = monotonicMs();
    const host: Host = {
      state: "starting",
      isAlone,
      reserved,
      served: 0,
      startedMs,
      usedMs: startedMs,
      pingedMs: undefined,
      calls: new Map(),
      loaded: new Set(),
      process: startHost({
        entry: deps.entry,
        env: deps.env,
        memoryMb: deps.memoryMb,
        bounds,
        onOutput: deps.onOutput,
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
    const pending = host.calls.get(message.job);
    if (pending === undefined) return;
    switch (message.kind) {
      case "line":
        pending.call.onLine(message);
        return;
      case "request":
        void answer(host, pending, message.request, message.ask);
        return;
      case "returned":
      case "threw":
        if (message.dropped !== undefined) pending.call.onDropped(message.dropped);
        suspects.clear(pending.call.runId);
        end(
          pending,
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
    if (host.isAlone) dispatchWaitingAlone();
    else {
      const pending = [...waiting];
      waiting.clear();
      pending.forEach(dispatch);
    }
  }

  async function answer(host: Host, pending: PendingCall, request: number, ask: HostRequest): Promise<void> {
    const { job } = pending;
    try {
      const value = await pending.call.answer(ask);
      host.process.send({ kind: "reply", job, request, value });
    } catch (error) {
      host.process.send({ kind: "reply", job, request, error: (error as Error).message });
    }
  }

  const settled = new WeakSet<PendingCall>();

  function end(pending: PendingCall, result: PoolEnd): void {
    const host = detach(pending);
    settled.add(pending);
    pending.settle(result);
    if (host === undefined) return;
    if (host.state === "retiring" && host.calls.size === 0) host.process.close();
    if (host.isAlone && host.state === "ready") dispatchWaitingAlone();
  }

  function detach(pending: PendingCall): Host | undefined {
    const { host } = pending;
    clearTimeout(pending.timer);
    pending.host = undefined;
    host?.calls.delete(pending.job);
    if (host === undefined) {
      waiting.delete(pending);
      alone.remove(pending.call.owner, pending);
    }
    return host;
  }

  /** Aborts a call and stops waiting for its code. */
  function abandon(pending: PendingCall, result: PoolEnd, reason: { name: string; message: string }): void {
    const { host, job } = pending;
    host?.process.send({ kind: "abort", job, reason });
    // Errors of its remaining code could be attributed to the next call.
    if (host?.isAlone) retire(host);
    end(pending, result);
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
    const { report } = ended;
    const isKnown = report?.kind === "stuck" && report.owner !== undefined;
    if (isKnown && !host.calls.has(report.job ?? 0)) suspects.quarantine(report.owner as string);
    for (const pending of calls) {
      detach(pending);
      if (stopping) end(pending, refusal("flow_hosts"));
      else if (host.served === 1 && pending !== host.reserved) endCulprit(pending, cause);
      else if (isKnown && report.job !== pending.job && ++pending.deaths < bounds.maxDeaths)
        dispatch(pending);
      else {
        pending.needsFresh = host.isAlone;
        if (pending !== host.reserved) suspects.suspect(pending.call.runId);
        dispatchAlone(pending);
      }
    }
    ensure();
    dispatchWaitingAlone();
  }

  /** Ends the only call that its host ever had, and quarantines its owner. */
  function endCulprit(pending: PendingCall, cause: CauseOfEnd): void {
    const { runId, owner } = pending.call;
    suspects.suspect(runId);
    suspects.quarantine(owner);
    const { code, message, stack } = cause;
    end(
      pending,
      code === "HANDLER_THREW" ? { kind: "threw", error: { message, stack } } : { kind: "died", ...cause },
    );
  }

  function refuseOld(nowMs: number): void {
    const oldMs = nowMs - bounds.maxWaitMs;
    for (const pending of waiting) if (pending.sinceMs < oldMs) end(pending, refusal("flow_hosts"));
  }

  return {
    call(call) {
      return new Promise((resolve) => {
        if (call.signal.aborted) return resolve({ kind: "aborted" });
        if (stopping) return resolve(refusal("flow_hosts"));
        const pending: PendingCall = {
          call,
          job: 0,
          host: undefined,
          sinceMs: 0,
          deaths: 0,
          needsFresh: false,
          timer: undefined,
          settle(result) {
            call.signal.removeEventListener("abort", onAbort);
            resolve(result);
          },
        };
        const onAbort = () => {
          const { name = "AbortError", message = "" } = (call.signal.reason ?? {}) as Error;
          abandon(pending, { kind: "aborted" }, { name, message });
        };
        call.signal.addEventListener("abort", onAbort, { once: true });
        dispatch(pending);
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
      // If this process itself was paused, it could not read the pongs.
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
      dispatchWaitingAlone();
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
      await Promise.race([ended, delay(bounds.stopMs, { ref: false })]);
      for (const host of hosts) host.process.kill();
      await ended;
    },
  };
}
