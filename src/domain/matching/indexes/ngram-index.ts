import type { Entry } from "../entry.ts";
import { PostingMap } from "../postings.ts";
import type { LeafStep, Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import { HashFilter } from "./bloom-filter.ts";
import type { Way } from "./field-index.ts";

/** A needle is filed under a stretch of the greatest of these lengths that it has, characters. */
const LENGTHS = [8, 4, 3, 2, 1] as const;

/** Characters of text that are looked up in the time of one test. */
const CHARACTERS_A_STEP = 8;

/** Stretches of one length that there are expected to be, until they are seen. */
const EXPECTED_STRETCHES = 256;

/** Stretches of a text of ordinary length. */
const ORDINARY_TEXT = 64;

/** Looking up a text costs more than asking as few entries outright. */
const FEW = 24;

/**
 * Entries by a needle that a string must hold. Of the needle's stretches of eight characters the one is taken that
 * the fewest others have; a text is looked up by each of its own. Stretches are known by a hash: where two share
 * one, an entry is offered in vain.
 */
export class Stretches implements Way {
  /** All, while they are few. */
  #few: { needle: string; entry: Entry }[] | undefined = [];
  readonly #byLength = new Map<number, StretchesOfLength>();

  get meanChance(): number {
    let [chances, entries] = [0, 0];
    for (const { postings } of this.#byLength.values()) {
      chances += inText(postings.meanChance) * postings.size;
      entries += postings.size;
    }
    return entries === 0 ? inText(1 / EXPECTED_STRETCHES) : chances / entries;
  }

  chance(key: Step): number {
    const needle = needleOf(key);
    const ofLength = this.#byLength.get(lengthFor(needle));
    if (ofLength === undefined) return inText(1 / EXPECTED_STRETCHES);
    return inText(ofLength.postings.chance(rarest(needle, ofLength)));
  }

  add(key: Step, entry: Entry): void {
    const needle = needleOf(key);
    if (this.#few === undefined) {
      this.#file(needle, entry);
      return;
    }
    this.#few.push({ needle, entry });
    if (this.#few.length <= FEW) return;
    const few = this.#few;
    this.#few = undefined;
    for (const one of few) this.#file(one.needle, one.entry);
  }

  remove(key: Step, entry: Entry): void {
    const needle = needleOf(key);
    if (this.#few === undefined) this.#withdraw(needle, entry);
    else {
      const at = this.#few.findIndex((one) => one.entry === entry && one.needle === needle);
      if (at !== -1) this.#few.splice(at, 1);
    }
  }

  search(values: readonly unknown[], search: Search): void {
    for (const { entry } of this.#few ?? []) search.offer(entry);
    for (const ofLength of this.#byLength.values()) {
      if (!search.mayLookUp(charactersIn(values))) {
        ofLength.postings.offerAll(search);
        continue;
      }
      const offered = new Set<number>();
      for (const text of values) {
        if (typeof text !== "string") continue;
        search.spend(text.length / CHARACTERS_A_STEP);
        offerStretches(text, ofLength, offered, search);
      }
    }
  }

  #file(needle: string, entry: Entry): void {
    const length = lengthFor(needle);
    let ofLength = this.#byLength.get(length);
    if (ofLength === undefined) {
      ofLength = { length, postings: new PostingMap(EXPECTED_STRETCHES), filter: new HashFilter() };
      this.#byLength.set(length, ofLength);
    }
    const { postings, filter } = ofLength;
    const hash = rarest(needle, ofLength);
    if (postings.count(hash) === 0) filter.add(hash, postings.keys());
    postings.add(hash, entry);
  }

  /** Which stretch was the rarest when the entry came is not kept: all are looked at. */
  #withdraw(needle: string, entry: Entry): void {
    const length = lengthFor(needle);
    const postings = this.#byLength.get(length)?.postings;
    if (postings === undefined) return;
    for (const hash of stretchesOf(needle, length)) postings.remove(hash, entry);
    if (postings.size === 0) this.#byLength.delete(length);
  }
}

/** Entries by the hash of a stretch of one length. */
interface StretchesOfLength {
  readonly length: number;
  readonly postings: PostingMap<number>;
  readonly filter: HashFilter;
}

function charactersIn(values: readonly unknown[]): number {
  let characters = 0;
  for (const value of values) if (typeof value === "string") characters += value.length;
  return characters;
}

function inText(chanceOfOne: number): number {
  return Math.min(1, ORDINARY_TEXT * chanceOfOne);
}

/** The FNV prime: its powers spread over all 32 bits. */
const BASE = 0x01000193;

/** Looks up the hash of every stretch of the text, each made of the one before. Those that were offered are left out. */
function offerStretches(
  text: string,
  { length, postings, filter }: StretchesOfLength,
  offered: Set<number>,
  search: Search,
): void {
  const leaving = powerOfBase(length);
  let hash = 0;
  for (let at = 0; at < text.length; at += 1) {
    hash = (Math.imul(hash, BASE) + text.charCodeAt(at)) | 0;
    if (at >= length) hash = (hash - Math.imul(leaving, text.charCodeAt(at - length))) | 0;
    if (at < length - 1 || !filter.mayHave(hash) || offered.has(hash)) continue;
    offered.add(hash);
    postings.offer(hash, search);
  }
}

/** The hashes of all stretches of a needle. */
function stretchesOf(needle: string, length: number): number[] {
  const hashes: number[] = [];
  for (let from = 0; from + length <= needle.length; from += 1) {
    let hash = 0;
    for (let at = from; at < from + length; at += 1) {
      hash = (Math.imul(hash, BASE) + needle.charCodeAt(at)) | 0;
    }
    hashes.push(hash);
  }
  return hashes;
}

function powerOfBase(exponent: number): number {
  let power = 1;
  for (let times = 0; times < exponent; times += 1) power = Math.imul(power, BASE);
  return power;
}

function rarest(needle: string, { length, postings }: StretchesOfLength): number {
  let [best, least] = [0, Number.POSITIVE_INFINITY];
  for (const hash of stretchesOf(needle, length)) {
    const count = postings.count(hash);
    if (count === 0) return hash;
    if (count < least) [best, least] = [hash, count];
  }
  return best;
}

function needleOf(key: Step): string {
  return (key as LeafStep).operand as string;
}

function lengthFor(needle: string): number {
  return LENGTHS.find((length) => length <= needle.length) ?? 1;
}
