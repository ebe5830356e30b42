/** Bits per hash. With one hash function, about one absent hash in eight is a false positive. */
const BITS_PER_HASH = 8;

/**
 * A Bloom filter over 32-bit hashes, with one bit for each. It is small enough to stay in cache, and spares most map
 * lookups of absent hashes. A removed hash leaves its bit set until the filter grows.
 */
export class BloomFilter {
  #bits = new Uint32Array(8);
  #shift = 32 - 8;
  #added = 0;

  mayHave(hash: number): boolean {
    const bit = Math.imul(hash, SPREAD) >>> this.#shift;
    return ((this.#bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }

  /** Adds a hash. When the filter is full it grows, and is rebuilt from the hashes `present`. */
  add(hash: number, present: Iterable<number>): void {
    this.#added += 1;
    if (this.#added * BITS_PER_HASH > this.#bits.length * 32) this.#grow(present);
    this.#set(hash);
  }

  #grow(present: Iterable<number>): void {
    const hashes = [...present];
    while (hashes.length * BITS_PER_HASH * 2 > 2 ** (32 - this.#shift)) this.#shift -= 1;
    this.#bits = new Uint32Array(2 ** (32 - this.#shift - 5));
    this.#added = hashes.length;
    for (const hash of hashes) this.#set(hash);
  }

  #set(hash: number): void {
    const bit = Math.imul(hash, SPREAD) >>> this.#shift;
    this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] as number) | (1 << (bit & 31));
  }
}

/** 2^32 divided by the golden ratio (Fibonacci hashing): the high bits of a product depend on all bits of the hash. */
const SPREAD = 0x9e3779b1;
