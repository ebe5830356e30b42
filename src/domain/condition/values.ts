/** No array on the way is walked deeper, and no more of its elements are asked. */
const MAX_ARRAY_LEVELS = 8;
const MAX_ELEMENTS = 1_000;

/** Elements that one path asks in all, so that arrays within arrays cannot multiply. */
const MAX_ELEMENTS_IN_ALL = 10_000;

const NOTHING: readonly unknown[] = [];

/**
 * All values at the keys that are neither absent nor null, own properties only. Arrays on the way are walked through;
 * a numeric key indexes first. An array at the end is a value, and so is each of its elements. The elements that are
 * walked are counted by the meter.
 */
export function valuesAt(
  root: unknown,
  keys: readonly string[],
  from = 0,
  meter?: { walkedElements: number },
): readonly unknown[] {
  let value = root;
  let at = from;
  for (; at < keys.length && !Array.isArray(value); at += 1) {
    const key = keys[at] as string;
    if (typeof value !== "object" || value === null || !Object.hasOwn(value, key)) return NOTHING;
    value = (value as Record<string, unknown>)[key];
  }
  if (value === null || value === undefined) return NOTHING;
  if (!Array.isArray(value)) return [value];
  const walk: Walk = { keys, found: [], elementsLeft: MAX_ELEMENTS_IN_ALL };
  collect(walk, value, at, 0);
  if (meter !== undefined) meter.walkedElements += MAX_ELEMENTS_IN_ALL - walk.elementsLeft;
  return walk.found;
}

interface Walk {
  readonly keys: readonly string[];
  readonly found: unknown[];
  elementsLeft: number;
}

function collect(walk: Walk, value: unknown, at: number, arrays: number): void {
  if (value === null || value === undefined) return;
  const key = walk.keys[at];
  if (Array.isArray(value)) {
    if (key === undefined) walk.found.push(value);
    else if (/^\d+$/.test(key) && Number(key) < value.length) {
      collect(walk, value[Number(key)], at + 1, arrays);
      return;
    }
    if (arrays === MAX_ARRAY_LEVELS) return;
    const count = Math.min(value.length, MAX_ELEMENTS);
    for (let index = 0; index < count && walk.elementsLeft > 0; index += 1) {
      walk.elementsLeft -= 1;
      collect(walk, value[index], at, arrays + 1);
    }
    return;
  }
  if (key === undefined) {
    walk.found.push(value);
    return;
  }
  if (typeof value === "object" && Object.hasOwn(value, key)) {
    collect(walk, (value as Record<string, unknown>)[key], at + 1, arrays);
  }
}
