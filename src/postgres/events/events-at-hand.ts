import type { Queryable } from "../core/database.ts";
import { loadEvents, type StoredEvent } from "./events.ts";

export interface EventsAtHandBounds {
  /** Of what is kept at once, bytes; the oldest go. */
  maxBytes: number;
  /** For how long an event is kept that nobody takes, ms. */
  keptMs: number;
}

/** Events that were read to be routed, for the runs that they start in the same process: what was accepted never changes. */
export interface EventsAtHand {
  /** Loads events and keeps them. */
  load(ids: readonly string[]): Promise<StoredEvent[]>;
  /** Gives those that are kept away, and loads the others; in no order, those that exist. */
  take(ids: readonly string[]): Promise<StoredEvent[]>;
}

export function createEventsAtHand(
  database: Queryable,
  { maxBytes, keptMs }: EventsAtHandBounds,
  monotonicMs: () => number,
): EventsAtHand {
  // In the order in which they were loaded.
  const kept = new Map<string, { event: StoredEvent; untilMs: number }>();
  let bytes = 0;

  function drop(id: string): StoredEvent | undefined {
    const event = kept.get(id)?.event;
    if (event === undefined) return undefined;
    kept.delete(id);
    bytes -= sizeOf(event);
    return event;
  }

  function keep(events: readonly StoredEvent[]): void {
    const nowMs = monotonicMs();
    for (const event of events) {
      drop(event.id);
      kept.set(event.id, { event, untilMs: nowMs + keptMs });
      bytes += sizeOf(event);
    }
    for (const [id, { untilMs }] of kept) {
      if (bytes <= maxBytes && untilMs > nowMs) break;
      drop(id);
    }
  }

  return {
    async load(ids) {
      const events = await loadEvents(database, ids);
      keep(events);
      return events;
    },
    async take(ids) {
      const nowMs = monotonicMs();
      const atHand: StoredEvent[] = [];
      const missing: string[] = [];
      for (const id of ids) {
        const isFresh = (kept.get(id)?.untilMs ?? 0) > nowMs;
        const event = drop(id);
        if (event !== undefined && isFresh) atHand.push(event);
        else missing.push(id);
      }
      return missing.length === 0 ? atHand : [...atHand, ...(await loadEvents(database, missing))];
    },
  };
}

/** What an event is counted as, bytes: its payload, its data once that is read, and what its names and headers may take. */
function sizeOf({ payload }: StoredEvent): number {
  return 4 * payload.length + 2_048;
}
