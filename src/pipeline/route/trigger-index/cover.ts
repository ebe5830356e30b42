import type { Check, LeafCheck } from "./check.ts";
import type { Band, Key } from "./entry.ts";

/** Keys of which an event must hold one to meet a check, and what they cost. */
export interface Cover {
  readonly keys: readonly Key[];
  readonly cost: number;
}

/**
 * The cheapest keys to find a check by; undefined when it can be met by what is absent. Of an `and` one part is
 * enough, of an `or` every part is needed: that is as sharp as writing the check out as alternatives, without its
 * explosion, since no part is ever repeated.
 */
export function coverOf(check: Check, costOf: (key: Key) => number): Cover | undefined {
  return cover(check, false, costOf);
}

function cover(check: Check, negated: boolean, costOf: (key: Key) => number): Cover | undefined {
  switch (check.op) {
    case "not":
      return cover(check.check, !negated, costOf);
    case "and":
    case "or": {
      const covers = check.checks.map((one) => cover(one, negated, costOf));
      if ((check.op === "or") !== negated) return together(covers);
      const bands = negated ? [] : bandsOf(check.checks).map((key) => ({ keys: [key], cost: costOf(key) }));
      return cheapest([...bands, ...covers]);
    }
    default:
      return negated || !isKey(check) ? undefined : { keys: [check], cost: costOf(check) };
  }
}

function together(covers: readonly (Cover | undefined)[]): Cover | undefined {
  const keys: Key[] = [];
  let cost = 0;
  for (const one of covers) {
    if (one === undefined) return undefined;
    keys.push(...one.keys);
    cost += one.cost;
  }
  return { keys, cost };
}

function cheapest(covers: readonly (Cover | undefined)[]): Cover | undefined {
  let best: Cover | undefined;
  for (const one of covers)
    if (one !== undefined && one.cost < (best?.cost ?? Number.POSITIVE_INFINITY)) best = one;
  return best;
}

function isKey({ op, operand }: LeafCheck): boolean {
  return op !== "absent" && !Number.isNaN(operand) && (op === "eq" || op === "neq" || operand !== "");
}

/** Pairs of parts that bound one field from below and from above. */
function bandsOf(checks: readonly Check[]): Band[] {
  const bands: Band[] = [];
  for (const low of checks) {
    if (low.op !== "gt" && low.op !== "gte") continue;
    for (const high of checks) {
      if ((high.op !== "lt" && high.op !== "lte") || high.field !== low.field) continue;
      const band: Band = {
        op: "band",
        field: low.field,
        low: low.operand as number,
        high: high.operand as number,
      };
      // Bounds that exclude each other are met by two numbers of a list: the one bound has to find those.
      if (Number.isFinite(band.high - band.low) && band.low <= band.high) bands.push(band);
    }
  }
  return bands;
}
