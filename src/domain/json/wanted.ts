/**
 * Selects the part of a parsed value to keep. Arrays are transparent: their items are selected like the array itself. A
 * numeric key also selects the whole item of that index.
 */
export interface Wanted {
  readonly keys: ReadonlyMap<string, Wanted>;
  /** Most items kept of an array. A numeric key may select one beyond. */
  readonly maxItems: number;
  /** Keeps the whole value. */
  readonly isWhole?: boolean;
}

/** Most array elements that a condition reads (see `valuesAt`). */
const MAX_ITEMS = 1_000;

/** Selects paths as conditions read them. An object at the end of a path may be kept empty. */
export class WantedPaths implements Wanted {
  readonly keys = new Map<string, WantedPaths>();
  readonly maxItems = MAX_ITEMS;
  isWhole = false;

  /** Selects the values at a path; `whole` with everything in them. */
  add(path: readonly string[], whole = false): void {
    let node: WantedPaths = this;
    for (const key of path) {
      let next = node.keys.get(key);
      if (next === undefined) {
        next = new WantedPaths();
        node.keys.set(key, next);
      }
      node = next;
    }
    if (whole) node.isWhole = true;
  }
}

/** Selects paths, each given as its keys. */
export function wantedPaths(paths: Iterable<readonly string[]>): Wanted {
  const wanted = new WantedPaths();
  for (const path of paths) wanted.add(path);
  return wanted;
}

/** Returns the number of items of an array to keep. */
export function itemsWanted({ keys, maxItems }: Wanted): number {
  let items = maxItems;
  for (const key of keys.keys()) if (isIndex(key)) items = Math.max(items, Number(key) + 1);
  return items;
}

/** Returns the selection for an array item. With a numeric key it is all, since the key may index the array. */
export function wantedOfItem(wanted: Wanted): Wanted | "all" {
  for (const key of wanted.keys.keys()) if (isIndex(key)) return "all";
  return wanted;
}

function isIndex(key: string): boolean {
  return /^\d+$/.test(key);
}
