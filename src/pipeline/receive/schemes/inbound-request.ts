import { createHash, hash } from "node:crypto";
import { type ParsedBody, parseBody, parseBodySlices } from "../../../domain/event/body.ts";
import type { ValuePath } from "../../../domain/json/cut-values.ts";
import { writeJson } from "../../../domain/json/exact-number.ts";
import { stringifySlices } from "../../../domain/json/stringify-slices.ts";
import { WantedPaths } from "../../../domain/json/wanted.ts";
import { finish, SliceBudget, type Slices } from "../../../domain/slices.ts";
import { DeferredWork, LONG_BODY_BYTES } from "../deferred-work.ts";
import { withoutTokens } from "../token-paths.ts";

/** The parts of an HTTP request that schemes read. */
export interface RequestFields {
  method: string;
  /** The public URL with its query. Built from the configured base URL, never from the Host header. */
  url: string;
  /** Names and values alternate, as in `IncomingMessage.rawHeaders`: nothing joined, nothing dropped. */
  rawHeaders: readonly string[];
  /** The exact bytes. */
  body: Buffer;
}

/** A request to a webhook endpoint. Header values are byte strings: one character per byte. */
export class InboundRequest {
  readonly method: string;
  readonly url: string;
  readonly rawHeaders: readonly string[];
  readonly body: Buffer;
  #parsed: ParsedBody | undefined;
  readonly #texts = new Map<unknown, Buffer>();
  readonly #cut = new Map<readonly ValuePath[], Map<Buffer, Buffer>>();
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

  /** The body as data. Parsed once, on first use. Throws `DeferredWork` for a long body. */
  get parsed(): ParsedBody {
    if (this.#parsed === undefined && this.body.length > LONG_BODY_BYTES)
      throw new DeferredWork(({ pointers }) => this.#parse(pointers));
    this.#parsed ??= parseBody({ contentType: this.contentType, body: this.body });
    return this.#parsed;
  }

  *#parse(pointers: "all" | readonly string[]): Slices<void> {
    const wanted = pointers === "all" ? undefined : wantedAt(pointers);
    this.#parsed = yield* parseBodySlices({ contentType: this.contentType, body: this.body, wanted });
  }

  /** Returns the JSON text of each item of a batch. Throws `DeferredWork` for a long body. */
  textsOf(items: readonly unknown[]): Buffer[] {
    if (this.body.length <= LONG_BODY_BYTES) return items.map((item) => Buffer.from(writeJson(item)));
    return items.map((item) => {
      const text = this.#texts.get(item);
      if (text === undefined) throw new DeferredWork(() => this.#write(items));
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

  /**
   * Returns the texts, which are the body or its items, without the tokens at the paths. Throws `DeferredWork` for a long
   * body.
   */
  withoutTokens(texts: readonly Buffer[], paths: readonly ValuePath[]): readonly Buffer[] {
    if (paths.length === 0) return texts;
    if (this.body.length <= LONG_BODY_BYTES) return texts.map((text) => finish(withoutTokens(text, paths)));
    return texts.map((text) => {
      const cut = this.#cut.get(paths)?.get(text);
      if (cut === undefined) throw new DeferredWork(() => this.#cutTokens(texts, paths));
      return cut;
    });
  }

  *#cutTokens(texts: readonly Buffer[], paths: readonly ValuePath[]): Slices<void> {
    const budget = new SliceBudget();
    const cut = new Map<Buffer, Buffer>();
    for (const text of texts) {
      cut.set(text, yield* withoutTokens(text, paths));
      if (budget.spend(text.length)) yield;
    }
    this.#cut.set(paths, cut);
  }

  /** SHA-256 of the body, hex. */
  get bodyHash(): string {
    if (this.body.length <= LONG_BODY_BYTES) return hash("sha256", this.body);
    return this.digest("body", [this.body], () => createHash("sha256")).toString("hex");
  }

  /**
   * Returns the digest of pieces that include a long body. Computed once per `key`; throws `DeferredWork` until then.
   */
  digest(key: unknown, pieces: readonly (Buffer | string)[], open: () => Hashing): Buffer {
    const known = this.#digests.get(key);
    if (known !== undefined) return known;
    throw new DeferredWork(() => this.#digest(key, pieces, open()));
  }

  *#digest(key: unknown, pieces: readonly (Buffer | string)[], hashing: Hashing): Slices<void> {
    for (const piece of pieces) {
      if (typeof piece === "string") hashing.update(piece, "latin1");
      else {
        for (let start = 0; start < piece.length; start += LONG_BODY_BYTES) {
          hashing.update(piece.subarray(start, start + LONG_BODY_BYTES));
          yield;
        }
      }
    }
    this.#digests.set(key, hashing.digest());
  }

  /** Drops the parsed data, so that a request that waits for a commit holds only its bytes. */
  forgetParsed(): void {
    this.#parsed = undefined;
    this.#texts.clear();
    this.#cut.clear();
  }

  /** Returns the value of the first header with this name, in any case. */
  header(name: string): string | undefined {
    return this.rawHeaders[this.#find(name, 0) + 1];
  }

  /** Reports whether two headers have this name: it is then unknown which of them applies. */
  repeats(name: string): boolean {
    const first = this.#find(name, 0);
    return first < this.rawHeaders.length && this.#find(name, first + 2) < this.rawHeaders.length;
  }

  query(name: string): string | undefined {
    const start = this.url.indexOf("?");
    if (start === -1) return undefined;
    return new URLSearchParams(this.url.slice(start + 1)).get(name) ?? undefined;
  }

  /** Returns the index of the header name, or an index past the end. */
  #find(name: string, from: number): number {
    const headers = this.rawHeaders;
    const wanted = name.toLowerCase();
    let index = from;
    while (index < headers.length && !isNamed(headers[index] as string, wanted)) index += 2;
    return index;
  }
}

/** A hash or an HMAC. */
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
