import { LANES } from "../../domain/priority.js";
/** The share of a new measurement in the running mean of the drain. */
const SMOOTHING = 0.3;
/** Measurements closer together than this say nothing, ms. */
const MIN_INTERVAL_MS = 20;
export function createHighWater(limits) {
    const drains = new Map();
    return {
        room(depths, nowMs) {
            return new Map(LANES.map((lane) => {
                const depth = depths.get(lane) ?? { waiting: 0, added: 0, inStream: 0 };
                const drain = measure(drains.get(lane), depth, nowMs);
                drains.set(lane, drain);
                const mark = Math.min(limits.maxEvents, Math.max(limits.minEvents, drain.perMs * limits.drainMs));
                return [lane, Math.max(0, Math.floor(mark) - depth.waiting)];
            }));
        },
    };
}
/** Entries that were added and are no longer there were drained. A stream that was lost starts a new measurement. */
function measure(last, depth, nowMs) {
    const fresh = { atMs: nowMs, added: depth.added, inStream: depth.inStream, perMs: last?.perMs ?? 0 };
    if (last === undefined || depth.added < last.added)
        return fresh;
    const elapsedMs = nowMs - last.atMs;
    if (elapsedMs < MIN_INTERVAL_MS)
        return last;
    const drained = Math.max(0, depth.added - last.added - (depth.inStream - last.inStream));
    const perMs = drained / elapsedMs;
    // The drain of an idle lane is its arrivals: a lane that grows is believed at once, one that shrinks slowly.
    return { ...fresh, perMs: perMs > last.perMs ? perMs : last.perMs + SMOOTHING * (perMs - last.perMs) };
}
//# sourceMappingURL=high-water.js.map