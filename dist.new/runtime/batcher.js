import assert from "node:assert";
/**
 * Groups concurrent calls into batches with no timer: while `inFlight` batches are under way, what arrives
 * gathers, and the next batch is what has gathered. Alone it adds no wait; under load it batches by itself.
 * `flush` answers one result an item, in order; an error fails every item of its batch.
 */
export class Batcher {
    #flush;
    #options;
    #waiting = [];
    #running = 0;
    constructor(flush, options) {
        this.#flush = flush;
        this.#options = options;
    }
    /** Items that wait for a batch. */
    get waiting() {
        return this.#waiting.length;
    }
    /** True when an item added now has to wait for another batch to end. */
    get busy() {
        return this.#running >= this.#options.inFlight;
    }
    /** Takes an item back if no batch has it yet; its promise then never settles. */
    withdraw(item) {
        const index = this.#waiting.findIndex((entry) => entry.item === item);
        if (index !== -1)
            this.#waiting.splice(index, 1);
        return index !== -1;
    }
    add(item) {
        if (this.#waiting.length >= this.#options.maxWaiting)
            return Promise.reject(this.#options.full());
        return new Promise((resolve, reject) => {
            this.#waiting.push({ item, resolve, reject });
            if (this.#running < this.#options.inFlight) {
                this.#running += 1;
                // The turn of the event loop ends first, so that what arrived in it travels together.
                setImmediate(() => void this.#run());
            }
        });
    }
    async #run() {
        while (this.#waiting.length > 0)
            await this.#runOne(this.#take());
        this.#running -= 1;
    }
    async #runOne(batch) {
        try {
            const results = await this.#flush(batch.map((entry) => entry.item));
            assert.equal(results.length, batch.length, "a batch answers one result an item");
            batch.forEach((entry, index) => {
                entry.resolve(results[index]);
            });
        }
        catch (error) {
            for (const entry of batch)
                entry.reject(error);
        }
    }
    #take() {
        const { maxItems, maxWeight = Number.POSITIVE_INFINITY, weigh = () => 0 } = this.#options;
        let count = 0;
        let weight = 0;
        for (const { item } of this.#waiting) {
            weight += weigh(item);
            if (count >= maxItems || (count > 0 && weight > maxWeight))
                break;
            count += 1;
        }
        return this.#waiting.splice(0, count);
    }
}
//# sourceMappingURL=batcher.js.map