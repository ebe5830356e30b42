import { type ParsedBody, parseBody } from "../../domain/body.ts";

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
    this.#parsed ??= parseBody({ contentType: this.contentType, body: this.body });
    return this.#parsed;
  }

  /** Lets go of the data until it is asked for again: a request that waits for a commit keeps its bytes alone. */
  forgetParsed(): void {
    this.#parsed = undefined;
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

function isNamed(header: string, wanted: string): boolean {
  return header.length === wanted.length && (header === wanted || header.toLowerCase() === wanted);
}
