import { digestOf } from "../../../domain/event/idempotency-key.ts";
import type { Held } from "../../../domain/flow/outcome.ts";
import type { Breakers, Target, TargetResult } from "../breakers.ts";
import type { Place, SharedBounds } from "../slots/shared-bounds.ts";

/** Who may call a target now: asked before each call, told what came of it. */
export interface Targets {
  /** A turn, or why and for how long the run is held: its breaker is open, or too many calls are under way. */
  enter(target: Target): Promise<Held | Turn>;
}

export interface Turn {
  kind: "turn";
  /** Ends the turn; undefined where the call says nothing of the target. */
  leave(result: TargetResult | undefined): void;
}

export function createTargets(deps: {
  breakers: Breakers;
  bounds: SharedBounds;
  /** Calls to one target of a tenant that are under way at once. */
  concurrency: number;
  monotonicMs: () => number;
}): Targets {
  const { breakers, bounds, concurrency, monotonicMs } = deps;
  return {
    async enter(target) {
      const key = digestOf("target", target.tenantId, target.target).slice(0, 32);
      let place: Place | Promise<Place> = bounds.enter(key, concurrency);
      if (place instanceof Promise) place = await place;
      if (place.kind === "full") {
        const reason = `target_concurrency ${target.target}`;
        return { kind: "held", reason, delayMs: place.delayMs };
      }
      const enteredMs = monotonicMs();
      // After the place, so that whoever has the probe calls at once.
      const held = await breakers.check(target);
      if (held !== undefined) {
        bounds.leave(key, undefined);
        return held;
      }
      return {
        kind: "turn",
        leave(result) {
          const tookMs = monotonicMs() - enteredMs;
          bounds.leave(key, tookMs);
          if (result !== undefined) void breakers.report(target, result, tookMs);
        },
      };
    },
  };
}
