import type { CauseOfEnd } from "./cause-of-end.ts";
import type { HostBounds, HostOptions } from "./host-process.ts";
import type { PoolCall, PoolEnd } from "./pool-call.ts";
import type { PageError } from "./protocol.ts";
import type { SuspectBounds } from "./suspects.ts";

/** The pool of hosts of one process. */
export interface HostPool {
  /** Calls code in a host. Never rejects. */
  call(call: PoolCall): Promise<PoolEnd>;
  /** Sets the number of shared hosts; 0 if there is no code to call. */
  keep(hosts: number): void;
  /** Replaces all hosts. Old hosts end after their calls. */
  renew(): void;
  /** Ends silent hosts and starts missing ones. Throws while no host can be started. */
  watch(): { waitMs: number };
  stop(): Promise<void>;
}

/** The dependencies of a pool. */
export interface PoolDeps extends Pick<HostOptions, "entry" | "env" | "memoryMb" | "onOutput"> {
  bounds: PoolBounds;
  monotonicMs: () => number;
  random: () => number;
  /** Called when a host ended unexpectedly. */
  onHostEnd: (pid: number, cause: CauseOfEnd, calls: number) => void;
  /** Called for an error thrown after a handler or a load has ended. */
  onStray: (owner: string, error: PageError) => void;
}

/** The bounds of the hosts of one process. */
export interface PoolBounds extends HostBounds, SuspectBounds {
  /** Hosts for runs that are called alone, at most. */
  maxAlone: number;
  /** Calls that wait to be made alone, of all owners. */
  maxAloneWaiting: number;
  /** Calls of one owner that wait to be made alone. */
  maxAloneOfOwner: number;
  /** Calls of one owner in quarantine that wait to be made alone. */
  maxAloneOfQuarantined: number;
  /** How long a call waits for a host, ms. */
  maxWaitMs: number;
  /** The delay of a refused call, ms, up to doubled at random. */
  refusedMs: number;
  /** How often a call is repeated in a shared host after another call ended its host. */
  maxDeaths: number;
  /** How long a host may take to start, ms. */
  startMs: number;
  /** The time without a pong after which a host is killed, ms. Its own watchdog acts sooner. */
  silentMs: number;
  /** The wait between two calls of `watch`, ms. */
  watchMs: number;
  /** The wait after a failed start, ms. It doubles with each failure, up to `maxBackoffMs`. */
  minBackoffMs: number;
  maxBackoffMs: number;
  /** The idle time after which a host for calls alone ends, ms. */
  idleMs: number;
  /** How long hosts may take to end when the process stops, ms. */
  stopMs: number;
}
