import type { Entry } from "../entry.ts";
import type { Search } from "../search.ts";

/** A chunk that grows longer is cut in two: so an insertion moves little, however many there are. */
const MAX_CHUNK = 512;

/** Ascending by `lows`. */
interface Chunk {
  readonly lows: number[];
  readonly highs: number[];
  readonly entries: Entry[];
}

/** Entries by a range of numbers, the upper end of which may be infinite. */
export class Ranges {
  readonly #chunks: Chunk[] = [];
  /** The greatest low of each chunk: what is searched lies together. */
  readonly #lasts: number[] = [];
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** The share of the lows that lie below the number, roughly. */
  shareBelow(low: number): number {
    return (this.#chunkOf(low) + 0.5) / (this.#chunks.length + 1);
  }

  /** Between the least low and the greatest. */
  get span(): number {
    return (this.#lasts.at(-1) ?? 0) - (this.#chunks[0]?.lows[0] ?? 0);
  }

  add(low: number, high: number, entry: Entry): void {
    this.#size += 1;
    let at = Math.min(this.#chunkOf(low), this.#chunks.length - 1);
    if (at === -1) {
      at = 0;
      this.#chunks.push({ lows: [], highs: [], entries: [] });
    }
    const { lows, highs, entries } = this.#chunks[at] as Chunk;
    const place = placeOf(lows, low);
    lows.splice(place, 0, low);
    highs.splice(place, 0, high);
    entries.splice(place, 0, entry);
    if (lows.length > MAX_CHUNK) {
      const middle = MAX_CHUNK >> 1;
      const rest = {
        lows: lows.splice(middle),
        highs: highs.splice(middle),
        entries: entries.splice(middle),
      };
      this.#chunks.splice(at + 1, 0, rest);
      this.#lasts.splice(at + 1, 0, rest.lows.at(-1) as number);
    }
    this.#lasts[at] = lows.at(-1) as number;
  }

  remove(low: number, entry: Entry): void {
    for (let at = this.#chunkOf(low); at < this.#chunks.length; at += 1) {
      const { lows, highs, entries } = this.#chunks[at] as Chunk;
      if ((lows[0] as number) > low) return;
      const place = entries.indexOf(entry, placeOf(lows, low));
      if (place === -1) continue;
      this.#size -= 1;
      lows.splice(place, 1);
      highs.splice(place, 1);
      entries.splice(place, 1);
      if (lows.length === 0) {
        this.#chunks.splice(at, 1);
        this.#lasts.splice(at, 1);
      } else this.#lasts[at] = lows.at(-1) as number;
      return;
    }
  }

  /**
   * Offers the entries whose range is met by numbers of which these are the least and the greatest, when none is
   * wider than `width`. A number on the very end of a range may or may not meet it.
   */
  offer(least: number, greatest: number, width: number, search: Search): void {
    const from = least - width;
    for (let at = this.#chunkOf(from); at < this.#chunks.length; at += 1) {
      const { lows, highs, entries } = this.#chunks[at] as Chunk;
      for (let place = placeOf(lows, from); place < lows.length; place += 1) {
        const [low, high] = [lows[place] as number, highs[place] as number];
        if (low > greatest) return;
        if (low < greatest && least < high) search.offerExact(entries[place] as Entry);
        else if (least <= high) search.offer(entries[place] as Entry);
      }
    }
  }

  /** The first chunk that does not end below the number. */
  #chunkOf(low: number): number {
    return placeOf(this.#lasts, low);
  }
}

/** Where the first number lies that is not below the other. */
function placeOf(numbers: readonly number[], number: number): number {
  let [from, to] = [0, numbers.length];
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((numbers[middle] as number) < number) from = middle + 1;
    else to = middle;
  }
  return from;
}
