import type { StoredEvent } from "../../postgres/events/events.ts";
import type { RoutedEvent, RoutedEvents } from "./fast-path.ts";

export interface RoutedEventBounds {
  /** Estimated size of all cached events, bytes. Beyond it the oldest are dropped. */
  maxBytes: number;
  /** How long an event is cached, ms. */
  keptMs: number;
}

/** Creates an empty cache. `monotonicMs` is a clock that never goes back. */
export function createRoutedEvents(
  { maxBytes, keptMs }: RoutedEventBounds,
  monotonicMs: () => number,
): RoutedEvents {
  // In insertion order.
  const cached = new Map<string, { event: RoutedEvent; untilMs: number }>();
  let bytes = 0;

  function remove(id: string): RoutedEvent | undefined {
    const event = cached.get(id)?.event;
    if (event === undefined) return undefined;
    cached.delete(id);
    bytes -= sizeOf(event.stored);
    return event;
  }

  return {
    put(events) {
      const nowMs = monotonicMs();
      for (const event of events) {
        remove(event.stored.id);
        cached.set(event.stored.id, { event, untilMs: nowMs + keptMs });
        bytes += sizeOf(event.stored);
      }
      for (const [id, { untilMs }] of cached) {
        if (bytes <= maxBytes && untilMs > nowMs) break;
        remove(id);
      }
    },
    take(ids) {
      const nowMs = monotonicMs();
      return ids.flatMap((id) => {
        const isFresh = (cached.get(id)?.untilMs ?? 0) > nowMs;
        const event = remove(id);
        return event !== undefined && isFresh ? event : [];
      });
    },
  };
}

/** Estimates an event's memory, bytes: its payload, its parsed data, its headers and names. */
function sizeOf({ payload }: StoredEvent): number {
  return 4 * payload.length + 2_048;
}
