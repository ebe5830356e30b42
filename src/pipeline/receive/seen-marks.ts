import type { SeenDelivery } from "../../redis/seen.ts";

export interface SeenMarkBounds {
  /** How long a mark waits for others to go with, ms. */
  delayMs: number;
  /** Marks in one command; when so many wait, they go at once. */
  batchSize: number;
}

/**
 * Gathers what was committed for the dedupe hint: a command for each transaction would cost the receiver more than
 * the marks that it carries. Those that wait when the process ends are lost, which costs a look into PostgreSQL.
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
