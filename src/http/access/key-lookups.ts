import { HeadraceError } from "../../domain/errors.ts";
import type { AskedAccess, FoundAccess } from "../../postgres/access/api-keys.ts";
import { Batcher } from "../../runtime/batcher.ts";

/** How API keys are looked up. */
export interface KeyLookUpBounds {
  /** Keys that one statement looks up. */
  maxItems: number;
  /** Calls that wait for a look-up: more are refused. */
  maxWaiting: number;
  /** Keys that are remembered as good, and as many that are remembered as unknown. */
  maxRemembered: number;
  /** For how long an unknown key is known to be unknown, ms. */
  unknownMs: number;
}

/** Looks up a key; undefined for one that is unknown. Rejects with `rate_limited` where too many are asked for. */
export type LookUpKey = (asked: AskedAccess) => Promise<FoundAccess | undefined>;

/**
 * Looks up keys in batches: keys that were good when they were last seen by one statement at a time, all others by
 * another, so that made-up keys, however many, keep no valid call waiting. Nothing but the lane is decided by memory,
 * save that a key which was found unknown is not looked up again for `unknownMs`: the server makes keys at random, so
 * none is asked for before it exists.
 */
export function createKeyLookUps(
  find: (asked: readonly AskedAccess[]) => Promise<(FoundAccess | undefined)[]>,
  bounds: KeyLookUpBounds,
  nowMs: () => number,
): LookUpKey {
  const lane = () =>
    new Batcher<AskedAccess, { access: FoundAccess | undefined }>(
      async (asked) => (await find(asked)).map((access) => ({ access })),
      {
        maxItems: bounds.maxItems,
        inFlight: 1,
        maxWaiting: bounds.maxWaiting,
        full: () => new HeadraceError("rate_limited", "Too many API keys wait to be looked up"),
      },
    );
  const goodKeys = lane();
  const otherKeys = lane();
  const good = new Set<string>();
  /** Until when each is known to be unknown. */
  const unknown = new Map<string, number>();

  return async (asked) => {
    const name = asked.keyHash.toString("base64");
    if ((unknown.get(name) ?? 0) > nowMs()) return undefined;
    const { access } = await (good.has(name) ? goodKeys : otherKeys).add(asked);
    good.delete(name);
    unknown.delete(name);
    if (access === undefined) {
      if (unknown.size >= bounds.maxRemembered) unknown.delete(unknown.keys().next().value as string);
      unknown.set(name, nowMs() + bounds.unknownMs);
    } else {
      if (good.size >= bounds.maxRemembered) good.delete(good.keys().next().value as string);
      good.add(name);
    }
    return access;
  };
}
