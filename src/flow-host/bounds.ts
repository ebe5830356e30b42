import type { PoolBounds } from "./host-pool.ts";
import type { InspectBounds } from "./inspect-modules.ts";

/** Bounds of the processes that run handlers. `pageTimeoutMs` is longer than the time-out of a poll, which ends first. */
export type FlowHostBounds = PoolBounds & InspectBounds & { pageTimeoutMs: number };
