/** Bounds of the suspicion of runs and owners. */
export interface SuspectBounds {
  /** How long a run whose host ended is called alone, unless it ends normally, ms. */
  suspectMs: number;
  /** How long all runs of an owner are called alone after one has ended a host, ms. */
  quarantineMs: number;
  /** Runs and owners that are remembered, at most of each. */
  maxRemembered: number;
}

/** The runs and owners that may end a host, whose calls are made alone. */
export interface Suspects {
  isSuspect(call: { runId: string; owner: string }): boolean;
  isQuarantined(owner: string): boolean;
  /** Records that the host of a run ended. */
  suspect(runId: string): void;
  /** Records that a run of the owner ended its host. */
  quarantine(owner: string): void;
  clear(runId: string): void;
}

/** Creates an empty record of suspects. */
export function createSuspects(bounds: SuspectBounds, monotonicMs: () => number): Suspects {
  const runs = new Map<string, number>();
  const owners = new Map<string, number>();

  function remember(map: Map<string, number>, key: string, forMs: number): void {
    map.delete(key);
    map.set(key, monotonicMs() + forMs);
    // A map keeps insertion order: the first is the oldest.
    if (map.size > bounds.maxRemembered) map.delete(map.keys().next().value as string);
  }

  function isRemembered(map: Map<string, number>, key: string): boolean {
    if (map.size === 0) return false;
    const untilMs = map.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > monotonicMs()) return true;
    map.delete(key);
    return false;
  }

  return {
    isSuspect: ({ runId, owner }) => isRemembered(runs, runId) || isRemembered(owners, owner),
    isQuarantined: (owner) => isRemembered(owners, owner),
    suspect: (runId) => remember(runs, runId, bounds.suspectMs),
    quarantine: (owner) => remember(owners, owner, bounds.quarantineMs),
    clear: (runId) => runs.delete(runId),
  };
}
