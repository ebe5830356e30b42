import { SliceBudget, type Slices } from "../slices.ts";
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  isDelimiter,
  isSpace,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from "./json-bytes.ts";

/** A step that selects every member of an object or array. */
export const EVERY = Symbol("every member");

/** The keys that lead to a value; an index of an array is a key too. */
export type ValuePath = readonly (string | typeof EVERY)[];

/** Bytes to be left out; a value that has to leave something in its place leaves `null`. */
export interface Cut {
  from: number;
  to: number;
  leavesNull: boolean;
}

/**
 * Finds the bytes of the values at the paths in a JSON text, in slices. A member of an object is cut with its name and a
 * comma, every member of that name; an element of an array, or the whole text, becomes `null`, so that the others keep
 * their places. The text is not checked: behind a flaw nothing is found.
 */
export function* findValues(bytes: Buffer, paths: readonly ValuePath[]): Slices<Cut[]> {
  const root: Node = { cut: false, keys: new Map() };
  for (const path of paths) addPath(root, path);
  const finder = new Finder(bytes);
  yield* finder.value(finder.space(startOf(bytes)), root);
  return finder.cuts;
}

/** Returns the bytes without the cuts; the same bytes if there are none. */
export function withoutCuts(bytes: Buffer, cuts: readonly Cut[]): Buffer {
  if (cuts.length === 0) return bytes;
  const pieces: Buffer[] = [];
  let at = 0;
  for (const { from, to, leavesNull } of cuts.toSorted((left, right) => left.from - right.from)) {
    if (from > at) pieces.push(bytes.subarray(at, from));
    if (leavesNull && to > at) pieces.push(NULL);
    at = Math.max(at, to);
  }
  pieces.push(bytes.subarray(at));
  return Buffer.concat(pieces);
}

const NULL = Buffer.from("null");

interface Node {
  cut: boolean;
  keys: Map<string | typeof EVERY, Node>;
}

function addPath(root: Node, path: ValuePath): void {
  let node = root;
  for (const key of path) {
    let next = node.keys.get(key);
    if (next === undefined) {
      next = { cut: false, keys: new Map() };
      node.keys.set(key, next);
    }
    node = next;
  }
  node.cut = true;
}

/** Skips a byte order mark. */
function startOf(bytes: Buffer): number {
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
}

/** The end of a value in a text that is no JSON. */
const FLAWED = -1;

class Finder {
  readonly cuts: Cut[] = [];
  readonly #bytes: Buffer;
  readonly #budget = new SliceBudget();

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Returns the index of the first byte that is not white space. */
  space(from: number): number {
    let at = from;
    while (isSpace(this.#bytes[at])) at += 1;
    return at;
  }

  /** Finds the values below the value at `start`. Returns the index behind it. */
  *value(start: number, ...nodes: Node[]): Slices<number> {
    const byte = this.#bytes[start];
    if (nodes.some(({ cut }) => cut)) {
      const end = yield* this.#skip(start);
      // A token in a text that ends too soon is a token too.
      this.cuts.push({ from: start, to: end === FLAWED ? this.#bytes.length : end, leavesNull: true });
      return end;
    }
    if (nodes.length > 0 && byte === OPEN_OBJECT) return yield* this.#members(start, nodes);
    if (nodes.length > 0 && byte === OPEN_ARRAY) return yield* this.#elements(start, nodes);
    return yield* this.#skip(start);
  }

  *#members(start: number, nodes: readonly Node[]): Slices<number> {
    const bytes = this.#bytes;
    let at = this.space(start + 1);
    if (bytes[at] === CLOSE_OBJECT) return at + 1;
    // The comma behind the last member that stays: it goes if no other member follows.
    let comma: number | undefined;
    for (;;) {
      const member = at;
      if (bytes[at] !== QUOTE) return FLAWED;
      const nameEnd = this.#simpleString(at) ?? (yield* this.#string(at));
      if (nameEnd === FLAWED) return FLAWED;
      if (this.#budget.spend(nameEnd - at)) yield;
      const name = this.#name(member, nameEnd);
      at = this.space(nameEnd);
      if (bytes[at] !== COLON) return FLAWED;
      at = this.space(at + 1);
      const below = childrenOf(nodes, name);
      const isCut = below.some(({ cut }) => cut);
      const isSkipped = isCut || below.length === 0;
      const valueEnd = isSkipped ? yield* this.#skip(at) : yield* this.value(at, ...below);
      if (valueEnd === FLAWED) {
        if (isCut) this.cuts.push({ from: comma ?? member, to: bytes.length, leavesNull: false });
        return FLAWED;
      }
      at = this.space(valueEnd);
      if (bytes[at] !== COMMA) {
        if (isCut) this.cuts.push({ from: comma ?? member, to: valueEnd, leavesNull: false });
        return bytes[at] === CLOSE_OBJECT ? at + 1 : FLAWED;
      }
      const next = this.space(at + 1);
      if (isCut) this.cuts.push({ from: member, to: next, leavesNull: false });
      else comma = at;
      at = next;
    }
  }

  *#elements(start: number, nodes: readonly Node[]): Slices<number> {
    const bytes = this.#bytes;
    let at = this.space(start + 1);
    if (bytes[at] === CLOSE_ARRAY) return at + 1;
    for (let index = 0; ; index += 1) {
      at = yield* this.value(at, ...childrenOf(nodes, String(index)));
      if (at === FLAWED) return FLAWED;
      at = this.space(at);
      if (bytes[at] !== COMMA) return bytes[at] === CLOSE_ARRAY ? at + 1 : FLAWED;
      at = this.space(at + 1);
    }
  }

  /** Returns the index behind the value at `start`, by its brackets and strings. */
  *#skip(start: number): Slices<number> {
    const bytes = this.#bytes;
    let open = 0;
    for (let at = start; at < bytes.length; ) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        const end = this.#simpleString(at) ?? (yield* this.#string(at));
        if (end === FLAWED || open === 0) return end;
        if (this.#budget.spend(end - at)) yield;
        at = end;
        continue;
      }
      if (open === 0 && at > start && isDelimiter(byte)) return at;
      if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) open += 1;
      else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        open -= 1;
        if (open < 0) return FLAWED;
        if (open === 0) return at + 1;
      }
      at += 1;
      if (this.#budget.spend(1)) yield;
    }
    return open === 0 && bytes.length > start ? bytes.length : FLAWED;
  }

  /** Returns the index behind a string with few escaped quotes; undefined for others, which are read in slices. */
  #simpleString(start: number): number | undefined {
    let from = start + 1;
    for (let quotes = 0; quotes < MAX_SIMPLE_QUOTES; quotes += 1) {
      const quote = this.#bytes.indexOf(QUOTE, from);
      if (quote === -1) return FLAWED;
      if (!this.#isEscaped(quote, from)) return quote + 1;
      from = quote + 1;
    }
    return undefined;
  }

  /** Returns the index behind the string whose first quote is at `start`. */
  *#string(start: number): Slices<number> {
    for (let from = start + 1; ; ) {
      const quote = this.#bytes.indexOf(QUOTE, from);
      if (quote === -1) return FLAWED;
      if (this.#budget.spend(quote - from + 1)) yield;
      if (!this.#isEscaped(quote, from)) return quote + 1;
      from = quote + 1;
    }
  }

  #isEscaped(quote: number, from: number): boolean {
    let backslash = quote - 1;
    while (backslash >= from && this.#bytes[backslash] === BACKSLASH) backslash -= 1;
    return (quote - backslash) % 2 === 0;
  }

  #name(start: number, end: number): string {
    const quoted = this.#bytes.toString("utf8", start, end);
    if (!quoted.includes("\\")) return quoted.slice(1, -1);
    try {
      return JSON.parse(quoted) as string;
    } catch {
      return quoted;
    }
  }
}

const BACKSLASH = 0x5c;
const MAX_SIMPLE_QUOTES = 16;
const NO_NODES: readonly Node[] = [];

function childrenOf(nodes: readonly Node[], name: string): readonly Node[] {
  if (nodes.every(({ keys }) => !keys.has(name) && !keys.has(EVERY))) return NO_NODES;
  return nodes.flatMap(({ keys }) => [keys.get(name), keys.get(EVERY)]).filter((node) => node !== undefined);
}
