import { ExactNumber } from "../../../domain/json/exact-number.ts";

/** Returns a copy of a thing whose list at the path has only this element. The rest is shared with the thing. */
export function withOnly(thing: unknown, path: readonly string[], element: unknown): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return [element];
  const copy = shallowCopy(thing);
  copy[name] = withOnly(copy[name], rest, element);
  return copy;
}

/** Returns a copy of a thing without the member at the path. */
export function without(thing: unknown, path: readonly string[]): unknown {
  const [name, ...rest] = path;
  if (name === undefined) return undefined;
  const copy = shallowCopy(thing);
  if (rest.length === 0) delete copy[name];
  else copy[name] = without(copy[name], rest);
  return copy;
}

function shallowCopy(thing: unknown): Record<string, unknown> {
  return (Array.isArray(thing) ? [...thing] : { ...(thing as object) }) as Record<string, unknown>;
}

/** Returns about the length of a value as JSON, at most `limit`. Values that are `left` out count nothing. */
export function sizeUpTo(value: unknown, limit: number, left: ReadonlySet<unknown>): number {
  let size = 0;
  const open: unknown[] = [value];
  while (open.length > 0 && size < limit) {
    const one = open.pop();
    if (left.has(one)) continue;
    size += 8;
    if (typeof one === "string") size += one.length;
    if (one instanceof ExactNumber) size += one.text.length;
    if (typeof one !== "object" || one === null) continue;
    if (Array.isArray(one)) for (const element of one) open.push(element);
    else {
      for (const name of Object.keys(one)) {
        size += name.length;
        open.push((one as Record<string, unknown>)[name]);
      }
    }
  }
  return Math.min(size, limit);
}
