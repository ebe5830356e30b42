import type { PoolLimits } from "./host-pool.ts";
import type { InspectLimits } from "./inspect-modules.ts";

/** Bounds of the processes that run handlers. `pageTimeoutMs` is above that of a poll, which ends first. */
export type FlowHostLimits = PoolLimits & InspectLimits & { pageTimeoutMs: number };
