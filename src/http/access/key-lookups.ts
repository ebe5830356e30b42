import { HeadraceError } from "../../domain/errors.ts";
import type { AccessQuery, FoundAccess } from "../../postgres/access/api-keys.ts";
import { Batcher } from "../../runtime/batcher.ts";

/** Bounds of API key look-ups. */
export interface KeyLookUpBounds {
  /** Keys per statement. */
  maxItems: number;
  /** Calls that wait for a look-up. Further ones are refused. */
  maxWaiting: number;
  /** Cached good keys, and as many unknown ones. */
  maxRemembered: number;
  /** How long an unknown key stays cached, ms. */
  unknownMs: number;
}

/** Looks up a key. Undefined for an unknown key. Rejects with `rate_limited` if too many look-ups wait. */
export type LookUpKey = (requested: AccessQuery) => Promise<FoundAccess | undefined>;

/**
 * Creates batched look-ups with two lanes of one statement each: keys that were good when last seen use the first, all
 * others the second, so that any number of invented keys delays no valid call. The cache decides only the lane, except
 * that an unknown key is not looked up again for `unknownMs`. This is safe because the server generates keys at random:
 * no key is used before it exists.
 */
export function createKeyLookUps(
  find: (requested: readonly AccessQuery[]) => Promise<(FoundAccess | undefined)[]>,
  bounds: KeyLookUpBounds,
  nowMs: () => number,
): LookUpKey {
  const lane = () =>
    new Batcher<AccessQuery, { access: FoundAccess | undefined }>(
      async (requested) => (await find(requested)).map((access) => ({ access })),
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
  /** The end of caching by key. */
  const unknown = new Map<string, number>();

  return async (requested) => {
    const name = requested.keyHash.toString("base64");
    if ((unknown.get(name) ?? 0) > nowMs()) return undefined;
    const { access } = await (good.has(name) ? goodKeys : otherKeys).add(requested);
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
