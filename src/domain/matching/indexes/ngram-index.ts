import type { Entry } from "../entry.ts";
import { PostingMap } from "../postings.ts";
import type { LeafPredicate, Predicate } from "../predicate.ts";
import type { Search } from "../search.ts";
import { BloomFilter } from "./bloom-filter.ts";
import type { FieldIndex } from "./field-index.ts";

/** N-gram lengths, in characters. A needle is filed under an n-gram of the greatest length that fits. */
const LENGTHS = [8, 4, 3, 2, 1] as const;

/** Characters of text looked up in the time of one step. */
const CHARACTERS_PER_STEP = 8;

/** Assumed number of distinct n-grams of one length while there are few entries. */
const EXPECTED_NGRAMS = 256;

/** Assumed number of n-grams in a text. */
const NGRAMS_PER_TEXT = 64;

/** Up to this many entries are all candidates: verifying them is cheaper than looking up a text. */
const FEW = 24;

/**
 * Entries by a needle that a string must contain. Each needle is filed under that one of its n-grams which has the
 * fewest entries, and a text is looked up by all of its n-grams. N-grams are known by a hash: a collision only adds a
 * false positive.
 */
export class NgramIndex implements FieldIndex {
  /** All entries while they are few, else undefined. */
  #few: { needle: string; entry: Entry }[] | undefined = [];
  readonly #byLength = new Map<number, NgramsOfLength>();

  get meanSelectivity(): number {
    let [sum, entries] = [0, 0];
    for (const { postings } of this.#byLength.values()) {
      sum += selectivityInText(postings.meanSelectivity) * postings.size;
      entries += postings.size;
    }
    return entries === 0 ? selectivityInText(1 / EXPECTED_NGRAMS) : sum / entries;
  }

  selectivity(key: Predicate): number {
    const needle = needleOf(key);
    const ofLength = this.#byLength.get(lengthFor(needle));
    if (ofLength === undefined) return selectivityInText(1 / EXPECTED_NGRAMS);
    return selectivityInText(ofLength.postings.selectivity(rarestNgram(needle, ofLength)));
  }

  add(key: Predicate, entry: Entry): void {
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

  remove(key: Predicate, entry: Entry): void {
    const needle = needleOf(key);
    if (this.#few === undefined) this.#unfile(needle, entry);
    else {
      const index = this.#few.findIndex((one) => one.entry === entry && one.needle === needle);
      if (index !== -1) this.#few.splice(index, 1);
    }
  }

  search(values: readonly unknown[], search: Search): void {
    for (const { entry } of this.#few ?? []) search.addCandidate(entry);
    for (const ofLength of this.#byLength.values()) {
      if (!search.mayLookUp(charactersIn(values))) {
        ofLength.postings.addAllCandidates(search);
        continue;
      }
      const seen = new Set<number>();
      for (const text of values) {
        if (typeof text !== "string") continue;
        search.spend(text.length / CHARACTERS_PER_STEP);
        addNgramCandidates(text, ofLength, seen, search);
      }
    }
  }

  #file(needle: string, entry: Entry): void {
    const length = lengthFor(needle);
    let ofLength = this.#byLength.get(length);
    if (ofLength === undefined) {
      ofLength = { length, postings: new PostingMap(EXPECTED_NGRAMS), filter: new BloomFilter() };
      this.#byLength.set(length, ofLength);
    }
    const { postings, filter } = ofLength;
    const hash = rarestNgram(needle, ofLength);
    if (postings.count(hash) === 0) filter.add(hash, postings.keys());
    postings.add(hash, entry);
  }

  /** Removes the entry from all n-grams of its needle: the one that was rarest when it was filed is not stored. */
  #unfile(needle: string, entry: Entry): void {
    const length = lengthFor(needle);
    const postings = this.#byLength.get(length)?.postings;
    if (postings === undefined) return;
    for (const hash of ngramHashes(needle, length)) postings.remove(hash, entry);
    if (postings.size === 0) this.#byLength.delete(length);
  }
}

/** Entries by the hash of an n-gram of one length. */
interface NgramsOfLength {
  readonly length: number;
  readonly postings: PostingMap<number>;
  readonly filter: BloomFilter;
}

function charactersIn(values: readonly unknown[]): number {
  let characters = 0;
  for (const value of values) if (typeof value === "string") characters += value.length;
  return characters;
}

function selectivityInText(selectivityOfNgram: number): number {
  return Math.min(1, NGRAMS_PER_TEXT * selectivityOfNgram);
}

/** The FNV prime: its powers spread over all 32 bits. */
const BASE = 0x01000193;

/** Looks up every n-gram of the text by a rolling hash. Hashes in `seen` were looked up before and are skipped. */
function addNgramCandidates(
  text: string,
  { length, postings, filter }: NgramsOfLength,
  seen: Set<number>,
  search: Search,
): void {
  const leaving = powerOfBase(length);
  let hash = 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = (Math.imul(hash, BASE) + text.charCodeAt(index)) | 0;
    if (index >= length) hash = (hash - Math.imul(leaving, text.charCodeAt(index - length))) | 0;
    if (index < length - 1 || !filter.mayHave(hash) || seen.has(hash)) continue;
    seen.add(hash);
    postings.addCandidates(hash, search);
  }
}

/** Returns the hashes of all n-grams of a needle. */
function ngramHashes(needle: string, length: number): number[] {
  const hashes: number[] = [];
  for (let from = 0; from + length <= needle.length; from += 1) {
    let hash = 0;
    for (let index = from; index < from + length; index += 1) {
      hash = (Math.imul(hash, BASE) + needle.charCodeAt(index)) | 0;
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

/** Returns the hash of the needle's n-gram that has the fewest entries. */
function rarestNgram(needle: string, { length, postings }: NgramsOfLength): number {
  let [rarest, least] = [0, Number.POSITIVE_INFINITY];
  for (const hash of ngramHashes(needle, length)) {
    const count = postings.count(hash);
    if (count === 0) return hash;
    if (count < least) [rarest, least] = [hash, count];
  }
  return rarest;
}

function needleOf(key: Predicate): string {
  return (key as LeafPredicate).operand as string;
}

function lengthFor(needle: string): number {
  return LENGTHS.find((length) => length <= needle.length) ?? 1;
}
