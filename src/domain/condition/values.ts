/** Most nested arrays walked on one path. */
const MAX_ARRAY_LEVELS = 8;

/** Most elements walked of one array. */
const MAX_ELEMENTS = 1_000;

/** Most elements walked for one path, which bounds nested arrays. */
const MAX_TOTAL_ELEMENTS = 10_000;

const NOTHING: readonly unknown[] = [];

/**
 * Returns all values at the keys, without nulls; own properties only. Arrays along the path are walked, but a numeric key
 * is tried as an index first. An array at the end is a value, and so is each of its elements. `meter` counts the
 * elements walked.
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
  const walk: Walk = { keys, found: [], elementsLeft: MAX_TOTAL_ELEMENTS };
  collect(walk, value, at, 0);
  if (meter !== undefined) meter.walkedElements += MAX_TOTAL_ELEMENTS - walk.elementsLeft;
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
