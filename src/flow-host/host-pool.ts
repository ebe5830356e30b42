import type { CauseOfEnd } from "./cause-of-end.ts";
import type { HostBounds, HostOptions } from "./host-process.ts";
import type { PoolCall, PoolEnd } from "./placed-call.ts";
import type { PageError } from "./protocol.ts";
import type { SuspectBounds } from "./suspects.ts";

/** The hosts of one process, kept warm. */
export interface HostPool {
  /** Never throws. */
  call(call: PoolCall): Promise<PoolEnd>;
  /** How many hosts are kept; 0 where there is nothing to call. */
  keep(hosts: number): void;
  /** New hosts take the place of all, which end when their calls have. */
  renew(): void;
  /** One look: hosts that are silent are ended, missing ones started. Throws while none can be had. */
  watch(): { waitMs: number };
  stop(): Promise<void>;
}

export interface PoolDeps extends Pick<HostOptions, "entry" | "env" | "memoryMb" | "onOutput"> {
  bounds: PoolBounds;
  monotonicMs: () => number;
  random: () => number;
  /** A host ended that was not asked to. */
  onHostEnd: (pid: number, cause: CauseOfEnd, calls: number) => void;
  /** Called when code that a handler or a loaded file left behind has thrown. */
  onStray: (owner: string, error: PageError) => void;
}

/** The bounds of the hosts of one process. */
export interface PoolBounds extends HostBounds, SuspectBounds {
  /** Hosts for runs that are called alone. */
  maxAlone: number;
  /** Calls that wait to be made alone: of all owners, of one, and of one whose runs have ended hosts. */
  maxAloneWaiting: number;
  maxAloneOfOwner: number;
  maxAloneOfQuarantined: number;
  /** The longest that a call waits for a host, ms. */
  maxWaitMs: number;
  /** A call that finds no room is refused for so long, and up to as long again, ms. */
  refusedMs: number;
  /** How often a call is made again among others after the host that it was in ended by another. */
  maxDeaths: number;
  /** A host that is not ready after this time is given up, ms. */
  startMs: number;
  /** A host that answers nothing for so long is given up, ms. Its own watchdog is sooner. */
  silentMs: number;
  /** The wait between two looks at the hosts, ms. */
  watchMs: number;
  /** The wait after a host that could not start, ms: from, doubling, to. */
  minBackoffMs: number;
  maxBackoffMs: number;
  /** A host for runs alone ends when it had none for so long, ms. */
  idleMs: number;
  /** How long hosts may take to end when the process stops, ms. */
  stopMs: number;
}
