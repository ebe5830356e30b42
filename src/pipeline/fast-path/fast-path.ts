import type { NormalizedEvent } from "../../domain/event/event.ts";
import type { Priority } from "../../domain/priority.ts";
import type { StoredEvent } from "../../postgres/events/events.ts";
import type { ClaimedRuns } from "../../postgres/runs/runs.ts";

/**
 * Shortcuts between stages that run in one process. Each part is undefined where it is switched off or the process
 * lacks a role. Without them every event and run takes the long way through PostgreSQL and Redis; nothing else changes.
 */
export interface FastPath {
  /** Lets the acceptor write events as claimed, without a relay's claim. */
  acceptClaims: AcceptClaims | undefined;
  /** Passes events from the router to the executor, without a second read. */
  routedEvents: RoutedEvents | undefined;
  /** Starts runs in the process that made them, without a BullMQ job and a claim. */
  localRuns: LocalRuns | undefined;
}

export interface AcceptClaims {
  /**
   * Reserves room in the streams for events that are about to be written, one lane for each event. Returns undefined
   * while other events wait or a lane has no room: then the events must be written as due.
   */
  reserve(lanes: readonly Priority[]): AcceptClaim | undefined;
}

/** A reservation. It ends with `commit` or `cancel`. */
export interface AcceptClaim {
  /** The lease under which the events must be written. */
  leaseMs: number;
  /**
   * Publishes the events that were committed under the lease and releases the room of the others. Never throws: an
   * event whose publication fails comes due when its lease ends.
   */
  commit(events: readonly CommittedEvent[]): void;
  /** Releases the room; nothing was committed. */
  cancel(): void;
}

export interface CommittedEvent {
  eventId: string;
  lane: Priority;
}

/** A bounded cache of events that this process has routed and whose runs have not started yet. */
export interface RoutedEvents {
  put(events: readonly RoutedEvent[]): void;
  /** Removes and returns those of the events that are cached, in any order. */
  take(ids: readonly string[]): RoutedEvent[];
}

export interface RoutedEvent {
  stored: StoredEvent;
  /** The event as the router read it. Undefined for a large one, of which the router reads only a part. */
  normalized: NormalizedEvent | undefined;
}

export interface LocalRuns {
  /** Reserves capacity for those of the runs that can start now. They must be of flows without limits. */
  capacity(runs: readonly PlannedRun[]): LocalCapacity;
  /** Hands the runs to an executor. Until it is called, there is no capacity. */
  serve(executor: LocalExecutor): void;
  /** Resolves when all runs that were started have ended. */
  drained(): Promise<void>;
}

/** A run that is about to be written, or is claimed. */
export interface PlannedRun {
  id: string;
  tenantId: string;
  lane: Priority;
}

/** A reservation for some runs. It ends with `start` or `cancel`. */
export interface LocalCapacity {
  runIds: ReadonlySet<string>;
  /** The lease under which the runs must be claimed. */
  leaseMs: number;
  /**
   * Starts the runs that were claimed and releases the capacity of the others. A run that cannot be prepared is found
   * by the sweeper when its lease ends.
   */
  start(claimed: ClaimedRuns): void;
  /** Releases the capacity; no run was claimed. */
  cancel(): void;
}

/** The part of the execute stage that local runs need. */
export interface LocalExecutor {
  /** True while the process works on BullMQ jobs: local runs would overtake them. */
  hasJobs(): boolean;
  /** Takes a slot for a run. False if its tenant gets none now, or other runs of the tenant wait for one. */
  reserve(run: PlannedRun): boolean;
  /** Releases an unused slot. */
  cancel(run: PlannedRun): void;
  /** Executes claimed runs in their reserved slots and reports the end of each. Resolves when all have ended. */
  start(claimed: ClaimedRuns, onEnded: (run: PlannedRun) => void): Promise<void>;
}
