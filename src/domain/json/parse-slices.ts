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

/** Members of an object or array that are parsed together, bytes. */
const GROUP_BYTES = 32_768;

/** Why bytes are no JSON that is taken. */
export type JsonFlaw = "invalid" | "forbidden_key" | "too_deep";

/**
 * Parses JSON in slices, and gives what `parseJsonText` gives for the whole; of large objects and arrays only what is
 * wanted is kept, so that little garbage is left behind. The bytes are UTF-8. What an object or array holds is cut
 * into groups of members, each parsed on its own; a member that is larger is cut likewise, and a long string by its
 * characters.
 */
export function* parseJsonSlices(
  bytes: Buffer,
  options: {
    maxDepth: number;
    wanted?: Wanted | "all";
    /** How much is parsed together, and how long a slice is, bytes. */
    groupBytes?: number;
    sliceBytes?: number;
  },
): Slices<ParsedJson> {
  const { maxDepth, wanted = "all", groupBytes = GROUP_BYTES, sliceBytes = SLICE_BYTES } = options;
  const reader = new JsonReader(bytes, maxDepth, groupBytes, new SliceBudget(sliceBytes));
  try {
    const start = yield* reader.space(0);
    const all = wanted === "all" || wanted.isWhole;
    const { value, end } = yield* reader.value(start, 0, all ? "all" : wanted);
    if ((yield* reader.space(end)) !== bytes.length) throw new Flaw("invalid");
    return { kind: "parsed", data: value };
  } catch (error) {
    if (error instanceof Flaw) return { kind: "flawed", flaw: error.flaw };
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

/** The part that is kept: all, some paths, or nothing of what only has to be valid. */
type Keep = Wanted | "all" | "nothing";

interface Read {
  value: unknown;
  /** The place behind it. */
  end: number;
}

/** Takes what an object or array holds, in order. */
interface Members {
  /** Members that were parsed together: the text of an object or array without its brackets. */
  group(text: string): void;
  /** The part that is kept of a member that is read alone. */
  keepOf(name: string): Keep;
  alone(name: string, value: unknown): void;
}

class JsonReader {
  readonly #bytes: Buffer;
  readonly #maxDepth: number;
  readonly #groupBytes: number;
  readonly #budget: SliceBudget;

  constructor(bytes: Buffer, maxDepth: number, groupBytes: number, budget: SliceBudget) {
    this.#bytes = bytes;
    this.#maxDepth = maxDepth;
    this.#groupBytes = groupBytes;
    this.#budget = budget;
  }

  /** The value that begins at `start`, within `depth` objects and arrays. */
  *value(start: number, depth: number, keep: Keep): Slices<Read> {
    const end = this.#endOfValue(start, start + this.#groupBytes, depth);
    if (end !== undefined) {
      const value = parse(this.#text(start, end));
      if (this.#budget.spend(end - start)) yield;
      return { value, end };
    }
    if (this.#budget.spend(this.#groupBytes)) yield;
    switch (this.#bytes[start]) {
      case OPEN_ARRAY: {
        const items: unknown[] = [];
        const end = yield* this.#members(start, depth, takeItems(items, keep));
        return { value: items, end };
      }
      case OPEN_OBJECT: {
        const members: Record<string, unknown> = {};
        const end = yield* this.#members(start, depth, takeMembers(members, keep));
        return { value: members, end };
      }
      case QUOTE:
        return yield* this.#string(start, keep);
      default:
        return yield* this.#scalar(start);
    }
  }

  /** The place of the first byte that is no white space. */
  *space(from: number): Slices<number> {
    let at = from;
    while (isSpace(this.#bytes[at])) {
      at += 1;
      if (this.#budget.spend(1)) yield;
    }
    return at;
  }

  /** Reads what the object or array that begins at `start` holds; the place behind its end. */
  *#members(start: number, depth: number, take: Members): Slices<number> {
    if (depth >= this.#maxDepth) throw new Flaw("too_deep");
    const isObject = this.#bytes[start] === OPEN_OBJECT;
    const close = isObject ? CLOSE_OBJECT : CLOSE_ARRAY;
    let at = yield* this.space(start + 1);
    if (this.#bytes[at] === close) return at + 1;
    // The group that is not parsed yet; none where both are the same.
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
        name ??= nameEnd === undefined ? "" : (parse(this.#text(begin, nameEnd)) as string);
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

  /** The place of what follows a comma or colon, which has to be next. */
  *#past(from: number, mark: number): Slices<number> {
    const at = isSpace(this.#bytes[from]) ? yield* this.space(from) : from;
    if (this.#bytes[at] !== mark) throw new Flaw("invalid");
    return isSpace(this.#bytes[at + 1]) ? yield* this.space(at + 1) : at + 1;
  }

  /**
   * Where the value that begins at `start` ends; undefined when it goes on past `limit`. It counts brackets and passes
   * over strings: whether what lies between is JSON, its parsing tells.
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

  /** A long string, in pieces that end within no character and no escape. */
  *#string(start: number, keep: Keep): Slices<Read> {
    const bytes = this.#bytes;
    const pieces: string[] = [];
    let from = start + 1;
    for (;;) {
      const until = Math.min(from + 2 * this.#groupBytes, bytes.length);
      const quote = endOfString(bytes, from, until);
      if (quote === undefined && until === bytes.length) throw new Flaw("invalid");
      const to = quote ?? endOfPiece(bytes, from, until);
      const piece = parse(`"${this.#text(from, to)}"`) as string;
      if (keep !== "nothing") pieces.push(piece);
      if (this.#budget.spend(to - from)) yield;
      if (quote !== undefined) return { value: pieces.join(""), end: quote + 1 };
      from = to;
    }
  }

  /** A number of many digits. */
  *#scalar(start: number): Slices<Read> {
    let end = start;
    while (end < this.#bytes.length && !isDelimiter(this.#bytes[end] as number)) {
      end += 1;
      if (this.#budget.spend(1)) yield;
    }
    return { value: parse(this.#text(start, this.#scalarEnd(start, end))), end };
  }

  #text(from: number, to: number): string {
    return this.#bytes.toString("utf8", from, to);
  }
}

function takeMembers(members: Record<string, unknown>, keep: Keep): Members {
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

function takeItems(items: unknown[], keep: Keep): Members {
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

function parse(text: string): unknown {
  const parsed = parseJsonText(text);
  if (parsed.kind === "flawed") throw new Flaw(parsed.flaw);
  return parsed.data;
}
