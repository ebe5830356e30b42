import assert from "node:assert";

/** Bounds of a `Batcher`. */
export interface BatcherOptions<Item> {
  /** Items per batch, at most. */
  maxItems: number;
  /** The weight of a batch, at most. An item that is heavier travels alone. */
  maxWeight?: number;
  /**
   * The size from which a batch takes at most half of the items in circulation: those that wait plus those of the last
   * batch, whose callers usually come back with more. Two batches of equal size then alternate. Without this a large
   * and a small one alternate, the callers of the small one idle, and the receiver accepts 7 % less.
   */
  evenAbove?: number;
  /** Returns the weight of an item, in the unit of `maxWeight`. */
  weigh?: (item: Item) => number;
  /** Batches under way at once, at most. */
  inFlight: number;
  /** Items that may wait. One more is rejected with the error that `full` makes. */
  maxWaiting: number;
  full: () => Error;
  /** A monotonic clock, ms. */
  now?: () => number;
}

interface Waiting<Item, Result> {
  item: Item;
  sinceMs: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Groups concurrent calls into batches without a timer. Items that arrive while `inFlight` batches are under way form
 * the next batch, so a lone item never waits and batches grow with the load. `flush` returns one result per item, in
 * order. A result that is an Error rejects its own item; an error that `flush` throws rejects the whole batch.
 */
export class Batcher<Item, Result> {
  readonly #flush: (items: Item[]) => Promise<(Result | Error)[]>;
  readonly #options: BatcherOptions<Item>;
  #waiting: Waiting<Item, Result>[] = [];
  #running = 0;
  #lastSize = 0;
  readonly #now: () => number;

  constructor(flush: (items: Item[]) => Promise<(Result | Error)[]>, options: BatcherOptions<Item>) {
    this.#flush = flush;
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
  }

  /** The number of items that wait for a batch. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** How long the first waiting item has waited, ms; 0 if none waits. */
  get waitedMs(): number {
    const [first] = this.#waiting;
    return first === undefined ? 0 : this.#now() - first.sinceMs;
  }

  /** Removes an item unless a batch has it already, and returns whether it did. The promise of a removed item never settles. */
  withdraw(item: Item): boolean {
    const index = this.#waiting.findIndex((entry) => entry.item === item);
    if (index !== -1) this.#waiting.splice(index, 1);
    return index !== -1;
  }

  /** Queues an item and resolves with its result. */
  add(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.maxWaiting) return Promise.reject(this.#options.full());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, sinceMs: this.#now(), resolve, reject });
      if (this.#running < this.#options.inFlight) {
        this.#running += 1;
        // Runs after this turn of the event loop, so that all items of the turn share a batch.
        setImmediate(() => this.#run());
      }
    });
  }

  #run(): void {
    const batch = this.#take();
    if (batch.length === 0) {
      this.#running -= 1;
      return;
    }
    void this.#send(batch).then((settle) => {
      // The next batch leaves before the callers of this one continue: their work takes as long as a batch, and the
      // store would idle meanwhile. They continue one by one, so that the first does not wait for the last.
      this.#run();
      process.nextTick(() => batch.forEach(settle));
    });
  }

  /** Flushes a batch and returns the function that settles each of its items. Never rejects. */
  async #send(
    batch: Waiting<Item, Result>[],
  ): Promise<(entry: Waiting<Item, Result>, index: number) => void> {
    try {
      const results = await this.#flush(batch.map((entry) => entry.item));
      assert.equal(results.length, batch.length, "flush returns one result per item");
      return (entry, index) => {
        const result = results[index] as Result | Error;
        if (result instanceof Error) entry.reject(result);
        else entry.resolve(result);
      };
    } catch (error) {
      return (entry) => entry.reject(error);
    }
  }

  #take(): Waiting<Item, Result>[] {
    const { maxItems, maxWeight = Infinity, evenAbove = Infinity, weigh = () => 0 } = this.#options;
    const half = Math.ceil((this.#waiting.length + this.#lastSize) / 2);
    const mostItems = Math.min(maxItems, Math.max(half, evenAbove));
    let count = 0;
    let weight = 0;
    for (const { item } of this.#waiting) {
      weight += weigh(item);
      if (count >= mostItems || (count > 0 && weight > maxWeight)) break;
      count += 1;
    }
    this.#lastSize = count;
    return this.#waiting.splice(0, count);
  }
}
