import type { SeenDelivery } from "../../redis/seen.ts";

/** Bounds of the marks of seen deliveries. */
export interface SeenMarkBounds {
  /** How long a mark waits for others, ms. */
  delayMs: number;
  /** Marks per command. A full batch is sent at once. */
  batchSize: number;
}

/**
 * Batches the marks of committed deliveries for the dedupe hint: one command per transaction would cost more than the
 * marks themselves. Marks that wait when the process exits are lost; their duplicates are found in PostgreSQL.
 */
export function createSeenMarks(
  mark: (seen: readonly SeenDelivery[]) => void,
  { delayMs, batchSize }: SeenMarkBounds,
): (seen: readonly SeenDelivery[]) => void {
  let waiting: SeenDelivery[] = [];
  let timer: NodeJS.Timeout | undefined;

  function send(): void {
    clearTimeout(timer);
    timer = undefined;
    const seen = waiting;
    waiting = [];
    mark(seen);
  }

  return (seen) => {
    for (const one of seen) {
      waiting.push(one);
      if (waiting.length >= batchSize) send();
    }
    if (waiting.length > 0) timer ??= setTimeout(send, delayMs).unref();
  };
}
