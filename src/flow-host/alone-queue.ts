/** Calls that wait for a host of their own: the calls of an owner in order, the owners in turn. */
export interface AloneQueue<Item> {
  /** Adds a call. Returns false if the owner, or all owners together, have too many waiting calls. */
  add(owner: string, item: Item, maxOfOwner: number): boolean;
  /** Removes and returns the next call of the next owner that `admits` accepts. */
  take(admits: (owner: string) => boolean): Item | undefined;
  remove(owner: string, item: Item): void;
}

/** Creates a queue for at most `maxItems` calls. */
export function createAloneQueue<Item>(maxItems: number): AloneQueue<Item> {
  /** In the order of their turns: an owner moves to the end when one of its calls is removed. */
  const byOwner = new Map<string, Item[]>();
  let size = 0;

  function remove(owner: string, items: Item[], index: number): void {
    items.splice(index, 1);
    size -= 1;
    byOwner.delete(owner);
    if (items.length > 0) byOwner.set(owner, items);
  }

  return {
    add(owner, item, maxOfOwner) {
      const items = byOwner.get(owner) ?? [];
      if (size >= maxItems || items.length >= maxOfOwner) return false;
      items.push(item);
      size += 1;
      byOwner.set(owner, items);
      return true;
    },
    take(admits) {
      for (const [owner, items] of byOwner) {
        if (!admits(owner)) continue;
        const [item] = items;
        remove(owner, items, 0);
        return item;
      }
      return undefined;
    },
    remove(owner, item) {
      const items = byOwner.get(owner);
      const index = items?.indexOf(item) ?? -1;
      if (items !== undefined && index !== -1) remove(owner, items, index);
    },
  };
}
