/** Bounds of slots that holders share. */
export interface ShareBounds {
  /** Slots in total. */
  total: number;
  /** Slots of one holder, at most. */
  perHolder: number;
  /** How long a caller waits for a slot, ms. */
  maxWaitMs: number;
  /** Waiting callers of one holder, at most. */
  maxWaiting: number;
}

/** No slot was free in time. `own` is true if the holder's own callers have the slots, false if others do. */
export class NoShare extends Error {
  readonly own: boolean;

  constructor(own: boolean) {
    super(own ? "too many calls of one holder are under way" : "every slot is taken");
    this.own = own;
  }
}

/** Slots that holders share. */
export interface Shares {
  /** Takes a slot for a holder and resolves with its release function. Rejects with `NoShare` if none is free in time. */
  take(holder: string): Promise<() => void>;
}

interface Waiting {
  resolve: (release: () => void) => void;
  timer: NodeJS.Timeout;
}

interface Holder {
  taken: number;
  waiting: Waiting[];
}

/**
 * Creates slots that holders share fairly. A holder has at most `perHolder` of them, and a freed slot goes to the next
 * holder in turn, so that a holder with many waiting callers does not delay the others. Holders without slots and
 * callers take no memory.
 */
export function createShares(bounds: ShareBounds): Shares {
  /** In the order of their turns: a holder moves to the end when it gets or returns a slot. */
  const holders = new Map<string, Holder>();
  let free = bounds.total;

  function give(name: string, holder: Holder): () => void {
    free -= 1;
    holder.taken += 1;
    moveToEnd(name, holder);
    let released = false;
    return () => {
      if (released) return;
      released = true;
      free += 1;
      holder.taken -= 1;
      moveToEnd(name, holder);
      giveNext();
      forgetIdle(name, holder);
    };
  }

  function moveToEnd(name: string, holder: Holder): void {
    holders.delete(name);
    holders.set(name, holder);
  }

  function giveNext(): void {
    for (const [name, holder] of holders) {
      if (free === 0) return;
      if (holder.taken >= bounds.perHolder) continue;
      const next = holder.waiting.shift();
      if (next === undefined) continue;
      clearTimeout(next.timer);
      next.resolve(give(name, holder));
      return;
    }
  }

  function forgetIdle(name: string, holder: Holder): void {
    if (holder.taken === 0 && holder.waiting.length === 0) holders.delete(name);
  }

  return {
    take(name) {
      const holder = holders.get(name) ?? { taken: 0, waiting: [] };
      holders.set(name, holder);
      if (free > 0 && holder.taken < bounds.perHolder && holder.waiting.length === 0) {
        return Promise.resolve(give(name, holder));
      }
      if (holder.waiting.length >= bounds.maxWaiting) return Promise.reject(new NoShare(true));
      return new Promise((resolve, reject) => {
        const timer = setTimeout(() => {
          holder.waiting.splice(holder.waiting.indexOf(waiting), 1);
          forgetIdle(name, holder);
          reject(new NoShare(holder.taken > 0));
        }, bounds.maxWaitMs);
        const waiting: Waiting = { resolve, timer };
        holder.waiting.push(waiting);
      });
    },
  };
}
