import type { Entry } from "../entry.ts";
import type { Search } from "../search.ts";

/** A longer chunk is split in two, which bounds the cost of an insertion. */
const MAX_CHUNK = 512;

/** Parallel arrays, ascending by `lows`. */
interface Chunk {
  readonly lows: number[];
  readonly highs: number[];
  readonly entries: Entry[];
}

/** Entries by an interval of numbers, sorted by its lower end. The upper end may be infinite. */
export class SortedIntervals {
  readonly #chunks: Chunk[] = [];
  /** The greatest low of each chunk, in one array for a fast binary search. */
  readonly #lasts: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Estimates the share of lows that are below the number. */
  shareBelow(low: number): number {
    return (this.#chunkOf(low) + 0.5) / (this.#chunks.length + 1);
  }

  /** The difference between the greatest low and the least. */
  get span(): number {
    return (this.#lasts.at(-1) ?? 0) - (this.#chunks[0]?.lows[0] ?? 0);
  }

  add(low: number, high: number, entry: Entry): void {
    this.#size += 1;
    let chunk = Math.min(this.#chunkOf(low), this.#chunks.length - 1);
    if (chunk === -1) {
      chunk = 0;
      this.#chunks.push({ lows: [], highs: [], entries: [] });
    }
    const { lows, highs, entries } = this.#chunks[chunk] as Chunk;
    const index = lowerBound(lows, low);
    lows.splice(index, 0, low);
    highs.splice(index, 0, high);
    entries.splice(index, 0, entry);
    if (lows.length > MAX_CHUNK) {
      const middle = MAX_CHUNK >> 1;
      const rest = {
        lows: lows.splice(middle),
        highs: highs.splice(middle),
        entries: entries.splice(middle),
      };
      this.#chunks.splice(chunk + 1, 0, rest);
      this.#lasts.splice(chunk + 1, 0, rest.lows.at(-1) as number);
    }
    this.#lasts[chunk] = lows.at(-1) as number;
  }

  remove(low: number, entry: Entry): void {
    for (let chunk = this.#chunkOf(low); chunk < this.#chunks.length; chunk += 1) {
      const { lows, highs, entries } = this.#chunks[chunk] as Chunk;
      if ((lows[0] as number) > low) return;
      const index = entries.indexOf(entry, lowerBound(lows, low));
      if (index === -1) continue;
      this.#size -= 1;
      lows.splice(index, 1);
      highs.splice(index, 1);
      entries.splice(index, 1);
      if (lows.length === 0) {
        this.#chunks.splice(chunk, 1);
        this.#lasts.splice(chunk, 1);
      } else this.#lasts[chunk] = lows.at(-1) as number;
      return;
    }
  }

  /**
   * Adds the entries whose interval overlaps the numbers from `least` to `greatest`. No interval is wider than `width`.
   * An entry is an exact candidate unless a number lies on an end of its interval, which may be open.
   */
  addCandidates(least: number, greatest: number, width: number, search: Search): void {
    const from = least - width;
    for (let chunk = this.#chunkOf(from); chunk < this.#chunks.length; chunk += 1) {
      const { lows, highs, entries } = this.#chunks[chunk] as Chunk;
      for (let index = lowerBound(lows, from); index < lows.length; index += 1) {
        const [low, high] = [lows[index] as number, highs[index] as number];
        if (low > greatest) return;
        if (low < greatest && least < high) search.addExactCandidate(entries[index] as Entry);
        else if (least <= high) search.addCandidate(entries[index] as Entry);
      }
    }
  }

  /** Returns the index of the first chunk that does not end below the number. */
  #chunkOf(low: number): number {
    return lowerBound(this.#lasts, low);
  }
}

/** Returns the index of the first number, of those sorted, that is not below `number`. */
function lowerBound(sorted: readonly number[], number: number): number {
  let [from, to] = [0, sorted.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] as number) < number) from = middle + 1;
    else to = middle;
  }
  return from;
}
