import type { LeafCheck } from "./check.ts";
import type { Entry, Key } from "./entry.ts";
import { PostingMap } from "./postings.ts";
import type { Search } from "./search.ts";
import type { Way } from "./way.ts";

/** A needle is filed under a stretch of the greatest of these lengths that it has, characters. */
const LENGTHS = [8, 4, 3, 2, 1] as const;

/** Characters of text that are looked up in the time of one test. */
const CHARACTERS_A_STEP = 8;

/** Stretches of a text of ordinary length, for the estimate of what it meets. */
const ORDINARY_TEXT = 64;

/**
 * Entries by a needle that a string must hold. Of the needle's stretches of eight characters the one is taken that
 * the fewest others have; a text is looked up by each of its own. Stretches are known by a hash: where two share
 * one, an entry is offered in vain.
 */
export class Stretches implements Way {
  readonly #byLength = new Map<number, PostingMap<number>>();

  get isEmpty(): boolean {
    return this.#byLength.size === 0;
  }

  cost(key: Key): number {
    const needle = needleOf(key);
    const length = lengthFor(needle);
    const postings = this.#byLength.get(length);
    if (postings === undefined) return 8 / length;
    const entries = postings.count(rarest(needle, length, postings));
    return (8 / length + entries) * Math.min(1, ORDINARY_TEXT / postings.size);
  }

  add(key: Key, entry: Entry): void {
    const needle = needleOf(key);
    const length = lengthFor(needle);
    let postings = this.#byLength.get(length);
    if (postings === undefined) {
      postings = new PostingMap();
      this.#byLength.set(length, postings);
    }
    postings.add(rarest(needle, length, postings), entry);
  }

  /** Which stretch was the rarest when the entry came is not kept: all are looked at. */
  remove(key: Key, entry: Entry): void {
    const needle = needleOf(key);
    const length = lengthFor(needle);
    const postings = this.#byLength.get(length);
    if (postings === undefined) return;
    eachStretch(needle, length, (hash) => postings.remove(hash, entry));
    if (postings.size === 0) this.#byLength.delete(length);
  }

  search(values: readonly unknown[], search: Search): void {
    for (const [length, postings] of this.#byLength) {
      const offered = new Set<number>();
      for (const text of values) {
        if (typeof text !== "string") continue;
        search.spend(text.length / CHARACTERS_A_STEP);
        eachStretch(text, length, (hash) => {
          if (!postings.has(hash) || offered.has(hash)) return;
          offered.add(hash);
          postings.offer(hash, search);
        });
      }
    }
  }
}

/** The FNV prime: its powers spread over all 32 bits. */
const BASE = 0x01000193;

/** Calls back with a hash of every stretch of the length, each made of the one before. */
function eachStretch(text: string, length: number, use: (hash: number) => void): void {
  let leaving = 1;
  for (let times = 0; times < length; times += 1) leaving = Math.imul(leaving, BASE);
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0;
    if (at >= length) hash = (hash - Math.imul(leaving, text.charCodeAt(at - length))) | 0;
    if (at >= length - 1) use(hash);
  }
}

function rarest(needle: string, length: number, postings: PostingMap<number>): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  eachStretch(needle, length, (hash) => {
    const count = least === 0 ? 0 : postings.count(hash);
    if (count < least) [best, least] = [hash, count];
  });
  return best;
}

function needleOf(key: Key): string {
  return (key as LeafCheck).operand as string;
}

function lengthFor(needle: string): number {
  return LENGTHS.find((length) => length <= needle.length) ?? 1;
}
