import { setTimeout } from "node:timers/promises";

/**
 * Resolves after `ms`. With `ref: false` the wait does not keep the process alive. Rejects with an AbortError when
 * `signal` aborts first.
 */
export function delay(ms: number, options: { ref?: boolean; signal?: AbortSignal } = {}): Promise<void> {
  return setTimeout(ms, undefined, options);
}
