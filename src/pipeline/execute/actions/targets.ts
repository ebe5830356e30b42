import { digestOf } from "../../../domain/event/idempotency-key.ts";
import type { Held } from "../../../domain/flow/outcome.ts";
import type { Breakers, Target, TargetResult } from "../breakers.ts";
import type { SharedSemaphore } from "../slots/shared-semaphore.ts";

/** Admission of calls to targets, by circuit breaker and concurrency. */
export interface Targets {
  /** Returns a turn, or holds the run: its breaker is open, or too many calls are under way. */
  acquire(target: Target): Promise<Held | Turn>;
}

export interface Turn {
  kind: "turn";
  /** Ends the turn. The result is undefined if the call says nothing about the target. */
  release(result: TargetResult | undefined): void;
}

export function createTargets(deps: {
  breakers: Breakers;
  semaphore: SharedSemaphore;
  /** Concurrent calls per tenant and target. */
  concurrency: number;
  monotonicMs: () => number;
}): Targets {
  const { breakers, semaphore, concurrency, monotonicMs } = deps;
  return {
    async acquire(target) {
      const key = digestOf("target", target.tenantId, target.target).slice(0, 32);
      const permit = await semaphore.acquire(key, concurrency);
      if (permit.kind === "full") {
        const reason = `target_concurrency ${target.target}`;
        return { kind: "held", reason, delayMs: permit.delayMs };
      }
      const enteredMs = monotonicMs();
      // After the permit, so that a probe calls at once.
      const held = await breakers.check(target);
      if (held !== undefined) {
        semaphore.release(key, undefined);
        return held;
      }
      return {
        kind: "turn",
        release(result) {
          const tookMs = monotonicMs() - enteredMs;
          semaphore.release(key, tookMs);
          if (result !== undefined) void breakers.report(target, result, tookMs);
        },
      };
    },
  };
}
