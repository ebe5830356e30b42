import { ExactNumber } from "../json/exact-number.ts";

/**
 * Returns the least and the greatest number among the values; undefined if none is a number. Of an exact number it takes
 * the nearest JavaScript number: rounding keeps the order, or makes two numbers equal.
 */
export function extremesOf(values: readonly unknown[]): [least: number, greatest: number] | undefined {
  let [least, greatest] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const one of values) {
    const value = one instanceof ExactNumber ? one.valueOf() : one;
    if (typeof value !== "number") continue;
    if (value < least) least = value;
    if (value > greatest) greatest = value;
  }
  return least <= greatest ? [least, greatest] : undefined;
}
