import type { LeafCheck } from "./check.ts";
import type { Entry, Key } from "./entry.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** A chunk that grows longer is cut in two: so an insertion moves little, however many there are. */
const MAX_CHUNK = 512;

interface Chunk {
  /** Ascending; equal ones in the order of registration. */
  readonly bounds: number[];
  readonly entries: Entry[];
}

/** Entries by the one bound that a number has to be above, or below: then numbers and bounds are taken negated. */
export class Thresholds implements Way {
  readonly #sign: 1 | -1;
  readonly #chunks: Chunk[] = [];
  #size = 0;

  constructor(sign: 1 | -1) {
    this.#sign = sign;
  }

  get size(): number {
    return this.#size;
  }

  readonly meanChance = 0.5;

  /** The lower the bound, the more numbers reach it. */
  chance(key: Key): number {
    const chunk = this.#chunkOf(this.#boundOf(key), 0);
    return 1 - (chunk + 0.5) / (this.#chunks.length + 1);
  }

  add(key: Key, entry: Entry): void {
    const bound = this.#boundOf(key);
    this.#size += 1;
    const at = Math.min(this.#chunkOf(bound, entry.order), this.#chunks.length - 1);
    const chunk = this.#chunks[at];
    if (chunk === undefined) {
      this.#chunks.push({ bounds: [bound], entries: [entry] });
      return;
    }
    const place = placeOf(chunk, bound, entry.order);
    chunk.bounds.splice(place, 0, bound);
    chunk.entries.splice(place, 0, entry);
    if (chunk.bounds.length <= MAX_CHUNK) return;
    const middle = MAX_CHUNK >> 1;
    this.#chunks.splice(at + 1, 0, {
      bounds: chunk.bounds.splice(middle),
      entries: chunk.entries.splice(middle),
    });
  }

  remove(key: Key, entry: Entry): void {
    const bound = this.#boundOf(key);
    const at = this.#chunkOf(bound, entry.order);
    const chunk = this.#chunks[at];
    if (chunk === undefined) return;
    const place = placeOf(chunk, bound, entry.order);
    if (chunk.entries[place] !== entry) return;
    this.#size -= 1;
    chunk.bounds.splice(place, 1);
    chunk.entries.splice(place, 1);
    if (chunk.bounds.length === 0) this.#chunks.splice(at, 1);
  }

  search(values: readonly unknown[], search: Search): void {
    let greatest = Number.NEGATIVE_INFINITY;
    for (const value of values) {
      if (typeof value === "number") greatest = Math.max(greatest, value * this.#sign);
    }
    for (const { bounds, entries } of this.#chunks) {
      for (let at = 0; at < bounds.length; at += 1) {
        if ((bounds[at] as number) > greatest) return;
        search.offer(entries[at] as Entry);
      }
    }
  }

  #boundOf(key: Key): number {
    return ((key as LeafCheck).operand as number) * this.#sign;
  }

  /** The first chunk whose last entry does not lie before the place. */
  #chunkOf(bound: number, order: number): number {
    let [from, to] = [0, this.#chunks.length];
    while (from < to) {
      const middle = (from + to) >>> 1;
      const chunk = this.#chunks[middle] as Chunk;
      if (isBefore(chunk, chunk.bounds.length - 1, bound, order)) from = middle + 1;
      else to = middle;
    }
    return from;
  }
}

function placeOf(chunk: Chunk, bound: number, order: number): number {
  let [from, to] = [0, chunk.bounds.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if (isBefore(chunk, middle, bound, order)) from = middle + 1;
    else to = middle;
  }
  return from;
}

function isBefore(chunk: Chunk, at: number, bound: number, order: number): boolean {
  const other = chunk.bounds[at] as number;
  return other < bound || (other === bound && (chunk.entries[at] as Entry).order < order);
}
