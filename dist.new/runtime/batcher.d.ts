export interface BatcherOptions<Item> {
    /** No batch holds more items. */
    maxItems: number;
    /** No batch of more than one item weighs more; an item heavier than this goes alone. */
    maxWeight?: number;
    /** What an item weighs, in the unit of `maxWeight`. */
    weigh?: (item: Item) => number;
    /** How many batches may be under way at once. */
    inFlight: number;
    /** No more items wait; one more is refused with `full()`. */
    maxWaiting: number;
    full: () => Error;
}
/**
 * Groups concurrent calls into batches with no timer: while `inFlight` batches are under way, what arrives
 * gathers, and the next batch is what has gathered. Alone it adds no wait; under load it batches by itself.
 * `flush` answers one result an item, in order; an error fails every item of its batch.
 */
export declare class Batcher<Item, Result> {
    #private;
    constructor(flush: (items: Item[]) => Promise<Result[]>, options: BatcherOptions<Item>);
    /** Items that wait for a batch. */
    get waiting(): number;
    /** True when an item added now has to wait for another batch to end. */
    get busy(): boolean;
    /** Takes an item back if no batch has it yet; its promise then never settles. */
    withdraw(item: Item): boolean;
    add(item: Item): Promise<Result>;
}
