import { SLICE_BYTES, SliceBudget, type Slices } from "../slices.ts";
import {
  CLOSE_ARRAY,
  CLOSE_OBJECT,
  COLON,
  COMMA,
  endOfPiece,
  endOfString,
  isDelimiter,
  isSpace,
  OPEN_ARRAY,
  OPEN_OBJECT,
  QUOTE,
} from "./json-bytes.ts";
import { type ParsedJson, parseJsonText } from "./parse-text.ts";
import { itemsWanted, type Wanted, wantedOfItem } from "./wanted.ts";

/** Bytes of members of an object or array that are parsed together. */
const GROUP_BYTES = 32_768;

/** The reason why JSON is rejected. */
export type JsonFlaw = "invalid" | "forbidden_key" | "too_deep";

/**
 * Parses JSON in slices. The result equals that of `parseJsonText` for the whole, except that large objects and arrays
 * keep only their wanted part, which leaves little garbage. The bytes must be UTF-8. The members of an object or array
 * are divided into groups, each of which is parsed by itself. A larger member is divided likewise, and a long string
 * between its characters.
 */
export function* parseJsonSlices(
  bytes: Buffer,
  options: {
    maxDepth: number;
    wanted?: Wanted | "all";
    /** Bytes parsed together, and bytes per slice. */
    groupBytes?: number;
    sliceBytes?: number;
    /** Parses a group; throws a SyntaxError. The default refuses forbidden keys. */
    parse?: (text: string) => unknown;
  },
): Slices<ParsedJson> {
  const { maxDepth, wanted = "all", groupBytes = GROUP_BYTES, sliceBytes = SLICE_BYTES, parse } = options;
  const reader = new JsonReader(bytes, maxDepth, groupBytes, new SliceBudget(sliceBytes), parse);
  try {
    const start = yield* reader.space(0);
    const all = wanted === "all" || wanted.isWhole;
    const { value, end } = yield* reader.value(start, 0, all ? "all" : wanted);
    if ((yield* reader.space(end)) !== bytes.length) throw new Flaw("invalid");
    return { kind: "parsed", data: value };
  } catch (error) {
    if (error instanceof Flaw) return { kind: "flawed", flaw: error.flaw };
    if (error instanceof SyntaxError) return { kind: "flawed", flaw: "invalid" };
    throw error;
  }
}

class Flaw extends Error {
  readonly flaw: JsonFlaw;

  constructor(flaw: JsonFlaw) {
    super(flaw);
    this.flaw = flaw;
  }
}

/** The part of a value to keep: all of it, some paths, or nothing, if it only has to be valid. */
type Keep = Wanted | "all" | "nothing";

interface Read {
  value: unknown;
  /** The index behind it. */
  end: number;
}

/** Receives the members of an object or array in order. */
interface Members {
  /** Takes members that are parsed together, as the text of an object or array without its brackets. */
  group(text: string): void;
  /** Returns the part to keep of a member that is parsed alone. */
  keepOf(name: string): Keep;
  /** Takes a member that was parsed alone. */
  alone(name: string, value: unknown): void;
}

type Parse = (text: string) => unknown;

class JsonReader {
  readonly #bytes: Buffer;
  readonly #maxDepth: number;
  readonly #groupBytes: number;
  readonly #budget: SliceBudget;
  readonly #parse: Parse;

  constructor(
    bytes: Buffer,
    maxDepth: number,
    groupBytes: number,
    budget: SliceBudget,
    parse: Parse = parseChecked,
  ) {
    this.#parse = parse;
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#groupBytes = groupBytes;
    this.#budget = budget;
  }

  /** Reads the value at `start`, within `depth` objects and arrays. */
  *value(start: number, depth: number, keep: Keep): Slices<Read> {
    const end = this.#endOfValue(start, start + this.#groupBytes, depth);
    if (end !== undefined) {
      const value = this.#parse(this.#text(start, end));
      if (this.#budget.spend(end - start)) yield;
      return { value, end };
    }
    if (this.#budget.spend(this.#groupBytes)) yield;
    switch (this.#bytes[start]) {
      case OPEN_ARRAY: {
        const items: unknown[] = [];
        const end = yield* this.#members(start, depth, takeItems(items, keep, this.#parse));
        return { value: items, end };
      }
      case OPEN_OBJECT: {
        const members: Record<string, unknown> = {};
        const end = yield* this.#members(start, depth, takeMembers(members, keep, this.#parse));
        return { value: members, end };
      }
      case QUOTE:
        return yield* this.#string(start, keep);
      default:
        return yield* this.#scalar(start);
    }
  }

  /** Returns the index of the first byte that is not white space. */
  *space(from: number): Slices<number> {
    let at = from;
    while (isSpace(this.#bytes[at])) {
      at += 1;
      if (this.#budget.spend(1)) yield;
    }
    return at;
  }

  /** Reads the members of the object or array at `start`. Returns the index behind it. */
  *#members(start: number, depth: number, take: Members): Slices<number> {
    if (depth >= this.#maxDepth) throw new Flaw("too_deep");
    const isObject = this.#bytes[start] === OPEN_OBJECT;
    const close = isObject ? CLOSE_OBJECT : CLOSE_ARRAY;
    let at = yield* this.space(start + 1);
    if (this.#bytes[at] === close) return at + 1;
    // The group that is not parsed yet; empty if both are equal.
    let [from, to] = [at, at];
    for (;;) {
      const begin = at;
      if (to > from && begin - from >= this.#groupBytes) {
        take.group(this.#text(from, to));
        if (this.#budget.spend(to - from)) yield;
        [from, to] = [begin, begin];
      }
      let nameEnd: number | undefined;
      let name: string | undefined;
      if (isObject) {
        if (this.#bytes[at] !== QUOTE) throw new Flaw("invalid");
        nameEnd = this.#endOfValue(at, at + this.#groupBytes, depth);
        if (nameEnd === undefined) {
          const read = yield* this.value(at, depth, "all");
          name = read.value as string;
          nameEnd = read.end;
        }
        at = yield* this.#past(nameEnd, COLON);
      }
      let end = this.#endOfValue(at, begin + this.#groupBytes, depth + 1);
      if (end !== undefined) {
        if (to === from) from = begin;
        to = end;
      } else {
        if (to > from) {
          take.group(this.#text(from, to));
          if (this.#budget.spend(to - from)) yield;
        }
        name ??= nameEnd === undefined ? "" : (this.#parse(this.#text(begin, nameEnd)) as string);
        const read = yield* this.value(at, depth + 1, take.keepOf(name));
        take.alone(name, read.value);
        end = read.end;
        [from, to] = [end, end];
      }
      at = isSpace(this.#bytes[end]) ? yield* this.space(end) : end;
      if (this.#bytes[at] === close) break;
      at = yield* this.#past(at, COMMA);
    }
    if (to > from) {
      take.group(this.#text(from, to));
      if (this.#budget.spend(to - from)) yield;
    }
    return at + 1;
  }

  /** Skips a comma or colon, which must be next, and the white space around it. */
  *#past(from: number, mark: number): Slices<number> {
    const at = isSpace(this.#bytes[from]) ? yield* this.space(from) : from;
    if (this.#bytes[at] !== mark) throw new Flaw("invalid");
    return isSpace(this.#bytes[at + 1]) ? yield* this.space(at + 1) : at + 1;
  }

  /**
   * Returns the end of the value at `start`; undefined if it is behind `limit`. It counts brackets and skips strings, but
   * does not check the JSON between them.
   */
  #endOfValue(start: number, limit: number, depth: number): number | undefined {
    const bytes = this.#bytes;
    const until = Math.min(limit, bytes.length);
    let open = 0;
    let at = start;
    while (at < until) {
      const byte = bytes[at] as number;
      if (byte === QUOTE) {
        const quote = endOfString(bytes, at + 1, until);
        if (quote === undefined) {
          at = until;
          open = Math.max(open, 1);
          break;
        }
        at = quote + 1;
        if (open === 0) return at;
      } else if (byte === OPEN_ARRAY || byte === OPEN_OBJECT) {
        open += 1;
        if (depth + open > this.#maxDepth) throw new Flaw("too_deep");
        at += 1;
      } else if (byte === CLOSE_ARRAY || byte === CLOSE_OBJECT) {
        if (open === 0) return this.#scalarEnd(start, at);
        open -= 1;
        at += 1;
        if (open === 0) return at;
      } else if (open === 0 && (byte === COMMA || isSpace(byte))) return this.#scalarEnd(start, at);
      else at += 1;
    }
    if (bytes.length > limit) return undefined;
    if (open > 0) throw new Flaw("invalid");
    return this.#scalarEnd(start, at);
  }

  #scalarEnd(start: number, end: number): number {
    if (end === start) throw new Flaw("invalid");
    return end;
  }

  /** Reads a long string in pieces that cut no character and no escape. */
  *#string(start: number, keep: Keep): Slices<Read> {
    const bytes = this.#bytes;
    const pieces: string[] = [];
    let from = start + 1;
    for (;;) {
      const until = Math.min(from + 2 * this.#groupBytes, bytes.length);
      const quote = endOfString(bytes, from, until);
      if (quote === undefined && until === bytes.length) throw new Flaw("invalid");
      const to = quote ?? endOfPiece(bytes, from, until);
      const piece = this.#parse(`"${this.#text(from, to)}"`) as string;
      if (keep !== "nothing") pieces.push(piece);
      if (this.#budget.spend(to - from)) yield;
      if (quote !== undefined) return { value: pieces.join(""), end: quote + 1 };
      from = to;
    }
  }

  /** Reads a number with many digits. */
  *#scalar(start: number): Slices<Read> {
    let end = start;
    while (end < this.#bytes.length && !isDelimiter(this.#bytes[end] as number)) {
      end += 1;
      if (this.#budget.spend(1)) yield;
    }
    return { value: this.#parse(this.#text(start, this.#scalarEnd(start, end))), end };
  }

  #text(from: number, to: number): string {
    return this.#bytes.toString("utf8", from, to);
  }
}

function takeMembers(members: Record<string, unknown>, keep: Keep, parse: Parse): Members {
  return {
    group(text) {
      const parsed = parse(`{${text}}`) as Record<string, unknown>;
      if (keep === "all") Object.assign(members, parsed);
      else if (keep !== "nothing") {
        for (const name of keep.keys.keys())
          if (Object.hasOwn(parsed, name)) set(members, name, parsed[name]);
      }
    },
    keepOf(name) {
      if (keep === "all" || name === "constructor") return "all";
      const part = keep === "nothing" ? undefined : keep.keys.get(name);
      return part === undefined ? "nothing" : part.isWhole ? "all" : part;
    },
    alone(name, value) {
      if (name === "__proto__" || (name === "constructor" && holdsPrototype(value)))
        throw new Flaw("forbidden_key");
      if (keep === "all" || (keep !== "nothing" && keep.keys.has(name))) set(members, name, value);
    },
  };
}

function takeItems(items: unknown[], keep: Keep, parse: Parse): Members {
  const max = keep === "all" ? Number.POSITIVE_INFINITY : keep === "nothing" ? 0 : itemsWanted(keep);
  return {
    group(text) {
      for (const item of parse(`[${text}]`) as unknown[]) {
        if (items.length >= max) break;
        items.push(item);
      }
    },
    keepOf() {
      if (items.length >= max) return "nothing";
      return typeof keep === "string" ? keep : wantedOfItem(keep);
    },
    alone(_name, value) {
      if (items.length < max) items.push(value);
    },
  };
}

function set(members: Record<string, unknown>, name: string, value: unknown): void {
  members[name] = value;
}

function holdsPrototype(value: unknown): boolean {
  return typeof value === "object" && value !== null && Object.hasOwn(value, "prototype");
}

function parseChecked(text: string): unknown {
  const parsed = parseJsonText(text);
  if (parsed.kind === "flawed") throw new Flaw(parsed.flaw);
  return parsed.data;
}
