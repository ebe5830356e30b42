import type { Host } from "./placed-call.ts";

/** The shared host with the fewest calls, one that answers before one that does not at the moment. Pure. */
export function leastBusy(hosts: Iterable<Host>, askedBeforeMs: number): Host | undefined {
  let best: Host | undefined;
  let bestIsSlow = false;
  for (const host of hosts) {
    if (host.state !== "ready" || host.isAlone) continue;
    const isSlow = host.pingedMs !== undefined && host.pingedMs < askedBeforeMs;
    const isBetter =
      best === undefined || (isSlow === bestIsSlow ? host.calls.size < best.calls.size : bestIsSlow);
    if (!isBetter) continue;
    best = host;
    bestIsSlow = isSlow;
  }
  return best;
}
