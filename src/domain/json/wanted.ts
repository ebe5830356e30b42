/**
 * Which part of a parsed value is kept. Arrays are passed through: what is wanted of an array is wanted of its items,
 * and a numeric key wants the item of that index with all that is in it.
 */
export interface Wanted {
  readonly keys: ReadonlyMap<string, Wanted>;
  /** Items that are kept of an array; further ones only where a numeric key names them. */
  readonly maxItems: number;
  /** All of it is kept. */
  readonly isWhole?: boolean;
}

/** The elements of an array that a condition can see: `valuesAt` asks for no more. */
const MAX_ITEMS = 1_000;

/** Wants what conditions can see at paths. Of an object at the end of a path, that it is there. */
export class WantedPaths implements Wanted {
  readonly keys = new Map<string, WantedPaths>();
  readonly maxItems = MAX_ITEMS;
  isWhole = false;

  /** Wants the values at a path; `whole` with all that is in them. */
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

/** Wants what paths reach, each given as its keys. */
export function wantedPaths(paths: Iterable<readonly string[]>): Wanted {
  const wanted = new WantedPaths();
  for (const path of paths) wanted.add(path);
  return wanted;
}

/** How many items of an array are kept. */
export function itemsWanted({ keys, maxItems }: Wanted): number {
  let items = maxItems;
  for (const key of keys.keys()) if (isIndex(key)) items = Math.max(items, Number(key) + 1);
  return items;
}

/** The paths wanted of an item: a numeric key may go further than the path seems to. */
export function wantedOfItem(wanted: Wanted): Wanted | "all" {
  for (const key of wanted.keys.keys()) if (isIndex(key)) return "all";
  return wanted;
}

function isIndex(key: string): boolean {
  return /^\d+$/.test(key);
}
