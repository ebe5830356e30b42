/** Callers that wait for a turn of the event loop, in the order of their calls. */
const waiting: (() => void)[] = [];

/**
 * Resolves in a later turn of the event loop. Each turn goes to one caller, so that the slices of concurrent work never
 * add up to a long turn.
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

/** Runs work that yields after each slice, one slice per turn of the event loop. The first slice runs at once. */
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
