/** Bits for each hash: of the hashes that are not there, one in eight is taken for one that is. */
const BITS_A_HASH = 8;

/**
 * Hashes, as bits that lie close together: of most that are not there it says so, without a look at where they would
 * be. A hash that is removed leaves its bit behind until the filter grows.
 */
export class HashFilter {
  #bits = new Uint32Array(8);
  #shift = 32 - 8;
  #added = 0;

  mayHave(hash: number): boolean {
    const bit = Math.imul(hash, SPREAD) >>> this.#shift;
    return ((this.#bits[bit >>> 5] as number) & (1 << (bit & 31))) !== 0;
  }

  /** Adds a hash; when there are too many, the filter grows and takes only those that are `present`. */
  add(hash: number, present: Iterable<number>): void {
    this.#added += 1;
    if (this.#added * BITS_A_HASH > this.#bits.length * 32) this.#grow(present);
    this.#set(hash);
  }

  #grow(present: Iterable<number>): void {
    const hashes = [...present];
    while (hashes.length * BITS_A_HASH * 2 > 2 ** (32 - this.#shift)) this.#shift -= 1;
    this.#bits = new Uint32Array(2 ** (32 - this.#shift - 5));
    this.#added = hashes.length;
    for (const hash of hashes) this.#set(hash);
  }

  #set(hash: number): void {
    const bit = Math.imul(hash, SPREAD) >>> this.#shift;
    this.#bits[bit >>> 5] = (this.#bits[bit >>> 5] as number) | (1 << (bit & 31));
  }
}

/** 2^32 divided by the golden ratio: the upper bits of a product depend on all bits of the hash. */
const SPREAD = 0x9e3779b1;
