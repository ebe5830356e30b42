export interface SuspectBounds {
  /** How long a run that was in a host when it ended is called alone, unless it ends well, ms. */
  suspectMs: number;
  /** How long all runs of an owner are called alone when one of them has ended a host, ms. */
  quarantineMs: number;
  /** Runs, and owners, that are remembered. */
  maxRemembered: number;
}

/** Which calls may end the host that they are in, and so are made alone. */
export interface Suspects {
  isSuspect(call: { runId: string; owner: string }): boolean;
  isQuarantined(owner: string): boolean;
  /** It was in a host that ended. */
  suspect(runId: string): void;
  /** A run of the owner ended a host by itself. */
  quarantine(owner: string): void;
  clear(runId: string): void;
}

export function createSuspects(bounds: SuspectBounds, monotonicMs: () => number): Suspects {
  const runs = new Map<string, number>();
  const owners = new Map<string, number>();

  function remember(map: Map<string, number>, key: string, forMs: number): void {
    map.delete(key);
    map.set(key, monotonicMs() + forMs);
    // A map keeps the order of insertion: the first is the oldest.
    if (map.size > bounds.maxRemembered) map.delete(map.keys().next().value as string);
  }

  function holds(map: Map<string, number>, key: string): boolean {
    if (map.size === 0) return false;
    const untilMs = map.get(key);
    if (untilMs === undefined) return false;
    if (untilMs > monotonicMs()) return true;
    map.delete(key);
    return false;
  }

  return {
    isSuspect: ({ runId, owner }) => holds(runs, runId) || holds(owners, owner),
    isQuarantined: (owner) => holds(owners, owner),
    suspect: (runId) => remember(runs, runId, bounds.suspectMs),
    quarantine: (owner) => remember(owners, owner, bounds.quarantineMs),
    clear: (runId) => runs.delete(runId),
  };
}
