import { createHash, hash } from "node:crypto";
import { type ParsedBody, parseBody, parseBodySlices } from "../../../domain/event/body.ts";
import { stringifySlices } from "../../../domain/json/stringify-slices.ts";
import { WantedPaths } from "../../../domain/json/wanted.ts";
import { SliceBudget, type Slices } from "../../../domain/slices.ts";
import { LONG_BODY_BYTES, PutOff } from "../put-off.ts";

export interface RequestFields {
  method: string;
  /** The public URL as the provider called it, with its query: made from the configured base, never from Host. */
  url: string;
  /** Names and values in turn, as `IncomingMessage.rawHeaders` has them: nothing joined, nothing dropped. */
  rawHeaders: readonly string[];
  /** The exact bytes. */
  body: Buffer;
}

/** One request to a webhook endpoint, as it came. Header values are byte strings: one character a byte. */
export class InboundRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  #parsed: ParsedBody | undefined;
  readonly #texts = new Map<unknown, Buffer>();
  readonly #digests = new Map<unknown, Buffer>();

  constructor({ method, url, rawHeaders, body }: RequestFields) {
    this.method = method;
    this.url = url;
    this.rawHeaders = rawHeaders;
    this.body = body;
  }

  get contentType(): string | undefined {
    return this.header("content-type");
  }

  /** The body as data, read once and only when it is asked for. */
  get parsed(): ParsedBody {
    if (this.#parsed === undefined && this.body.length > LONG_BODY_BYTES)
      throw new PutOff(({ pointers }) => this.#parse(pointers));
    this.#parsed ??= parseBody({ contentType: this.contentType, body: this.body });
    return this.#parsed;
  }

  *#parse(pointers: "all" | readonly string[]): Slices<void> {
    const wanted = pointers === "all" ? undefined : wantedAt(pointers);
    this.#parsed = yield* parseBodySlices({ contentType: this.contentType, body: this.body, wanted });
  }

  /** The items of a batch, each as the JSON of an event of its own. */
  textsOf(items: readonly unknown[]): Buffer[] {
    if (this.body.length <= LONG_BODY_BYTES) return items.map((item) => Buffer.from(JSON.stringify(item)));
    return items.map((item) => {
      const text = this.#texts.get(item);
      if (text === undefined) throw new PutOff(() => this.#write(items));
      return text;
    });
  }

  *#write(items: readonly unknown[]): Slices<void> {
    const budget = new SliceBudget();
    for (const item of items) {
      const text = Buffer.from(yield* stringifySlices(item));
      this.#texts.set(item, text);
      if (budget.spend(text.length)) yield;
    }
  }

  /** SHA-256 of the body, hex. */
  get bodyHash(): string {
    if (this.body.length <= LONG_BODY_BYTES) return hash("sha256", this.body);
    return this.digest("body", [this.body], () => createHash("sha256")).toString("hex");
  }

  /** The digest of pieces of which one is the body; made once for each `key`. */
  digest(key: unknown, pieces: readonly (Buffer | string)[], open: () => Hashing): Buffer {
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    throw new PutOff(() => this.#digest(key, pieces, open()));
  }

  *#digest(key: unknown, pieces: readonly (Buffer | string)[], hashing: Hashing): Slices<void> {
    for (const piece of pieces) {
      if (typeof piece === "string") hashing.update(piece, "latin1");
      else {
        for (let at = 0; at < piece.length; at += LONG_BODY_BYTES) {
          hashing.update(piece.subarray(at, at + LONG_BODY_BYTES));
          yield;
        }
      }
    }
    this.#digests.set(key, hashing.digest());
  }

  /** Lets go of the data until it is asked for again: a request that waits for a commit keeps its bytes alone. */
  forgetParsed(): void {
    this.#parsed = undefined;
    this.#texts.clear();
  }

  /** The value of the first header of this name, in any case. */
  header(name: string): string | undefined {
    return this.rawHeaders[this.#find(name, 0) + 1];
  }

  /** True when two headers have this name: which of them was meant cannot be known. */
  repeats(name: string): boolean {
    const first = this.#find(name, 0);
    return first < this.rawHeaders.length && this.#find(name, first + 2) < this.rawHeaders.length;
  }

  query(name: string): string | undefined {
    const start = this.url.indexOf("?");
    if (start === -1) return undefined;
    return new URLSearchParams(this.url.slice(start + 1)).get(name) ?? undefined;
  }

  /** Where the header of this name stands, or the length of the list. */
  #find(name: string, from: number): number {
    const headers = this.rawHeaders;
    const wanted = name.toLowerCase();
    let index = from;
    while (index < headers.length && !isNamed(headers[index] as string, wanted)) index += 2;
    return index;
  }
}

/** A hash, with a key or without. */
export interface Hashing {
  update(text: string, encoding: "latin1"): unknown;
  update(bytes: Buffer): unknown;
  digest(): Buffer;
}

function wantedAt(pointers: readonly string[]): WantedPaths {
  const wanted = new WantedPaths();
  for (const pointer of pointers) {
    const tokens = pointer === "" ? [] : pointer.slice(1).split("/");
    wanted.add(tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~")));
  }
  return wanted;
}

function isNamed(header: string, wanted: string): boolean {
  return header.length === wanted.length && (header === wanted || header.toLowerCase() === wanted);
}
