import type { Host } from "./pool-call.ts";

/** Returns the shared host with the fewest calls, preferring hosts without an overdue ping. Pure. */
export function leastBusy(hosts: Iterable<Host>, pingedBeforeMs: number): Host | undefined {
  let best: Host | undefined;
  let bestIsSlow = false;
  for (const host of hosts) {
    if (host.state !== "ready" || host.isAlone) continue;
    const isSlow = host.pingedMs !== undefined && host.pingedMs < pingedBeforeMs;
    const isBetter =
      best === undefined || (isSlow === bestIsSlow ? host.calls.size < best.calls.size : bestIsSlow);
    if (!isBetter) continue;
    best = host;
    bestIsSlow = isSlow;
  }
  return best;
}
