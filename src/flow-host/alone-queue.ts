/** Calls that wait to be made alone: each owner's in order, and the owners in turn. */
export interface AloneQueue<Item> {
  /** False when the owner, or all of them, have as many waiting as they may. */
  add(owner: string, item: Item, maxOfOwner: number): boolean;
  /** The next call of the owner whose turn it is, among those that are admitted. */
  take(admits: (owner: string) => boolean): Item | undefined;
  remove(owner: string, item: Item): void;
}

export function createAloneQueue<Item>(maxItems: number): AloneQueue<Item> {
  /** In the order of their turns: who was served goes to the end. */
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
