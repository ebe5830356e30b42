import assert from "node:assert";

export interface BatcherOptions<Item> {
  /** No batch holds more items. */
  maxItems: number;
  /** No batch of more than one item weighs more; an item heavier than this goes alone. */
  maxWeight?: number;
  /**
   * A batch of more items than this takes no more than half of those that are about: of its callers and the last one's,
   * who come back with the next. So two batches of one size take turns: one is under way while the callers of the other
   * go on. Left to itself a large and a small one take turns, and while the large one is under way the callers of the
   * small one are soon done: the receiver accepts 7 % less.
   */
  evenAbove?: number;
  /** What an item weighs, in the unit of `maxWeight`. */
  weigh?: (item: Item) => number;
  /** How many batches may be under way at once. */
  inFlight: number;
  /** No more items wait; one more is refused with `full()`. */
  maxWaiting: number;
  full: () => Error;
  /** A clock that never goes back, ms. */
  now?: () => number;
}

interface Waiting<Item, Result> {
  item: Item;
  sinceMs: number;
  resolve: (result: Result) => void;
  reject: (error: unknown) => void;
}

/**
 * Groups concurrent calls into batches with no timer: while `inFlight` batches are under way, what arrives
 * gathers, and the next batch is what has gathered. Alone it adds no wait; under load it batches by itself.
 * `flush` answers one result an item, in order: an Error among them fails its item alone, one that is thrown every item
 * of the batch.
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

  /** Items that wait for a batch. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** For how long the first item has waited for a batch, ms; 0 when none does. */
  get waitedMs(): number {
    const [first] = this.#waiting;
    return first === undefined ? 0 : this.#now() - first.sinceMs;
  }

  /** Takes an item back if no batch has it yet; its promise then never settles. */
  withdraw(item: Item): boolean {
    const index = this.#waiting.findIndex((entry) => entry.item === item);
    if (index !== -1) this.#waiting.splice(index, 1);
    return index !== -1;
  }

  add(item: Item): Promise<Result> {
    if (this.#waiting.length >= this.#options.maxWaiting) return Promise.reject(this.#options.full());
    return new Promise((resolve, reject) => {
      this.#waiting.push({ item, sinceMs: this.#now(), resolve, reject });
      if (this.#running < this.#options.inFlight) {
        this.#running += 1;
        // The turn of the event loop ends first, so that what arrived in it travels together.
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
    void this.#send(batch).then((answer) => {
      // The next batch leaves before the callers of this one go on: what they do takes as long as a batch, and what
      // they wait for would stand still meanwhile. They go on one by one, so that the first is not kept by the last.
      this.#run();
      process.nextTick(() => batch.forEach(answer));
    });
  }

  /** Never rejects: an error is what it answers every item. */
  async #send(
    batch: Waiting<Item, Result>[],
  ): Promise<(entry: Waiting<Item, Result>, index: number) => void> {
    try {
      const results = await this.#flush(batch.map((entry) => entry.item));
      assert.equal(results.length, batch.length, "a batch answers one result an item");
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
