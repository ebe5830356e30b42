/** Callers that wait for a turn of the event loop, first come, first served. */
const waiting: (() => void)[] = [];

/**
 * Resolves in a later turn of the event loop. Each turn goes to one caller alone, however many wait, so that slices
 * of different works never add up to a long turn.
 */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    waiting.push(resolve);
    if (waiting.length === 1) setImmediate(release);
  });
}

function release(): void {
  waiting[0]?.();
  waiting.shift();
  if (waiting.length > 0) setImmediate(release);
}

/** Runs work that yields after each slice, a slice in each turn of the event loop. The first runs at once. */
export async function inTurns<Result>(
  work: Iterator<undefined, Result>,
  pause: () => Promise<void> = nextTurn,
): Promise<Result> {
  for (;;) {
    const step = work.next();
    if (step.done) return step.value;
    await pause();
  }
}
