import type { Socket } from "node:net";

/** The status and headers of an answer, as far as they arrived. Header names are lower-case, repeated ones joined. */
export interface Head {
  status: number;
  headers: Record<string, string>;
}

/**
 * Watches the socket of one connection, because undici tells nothing of an answer whose head it cannot parse, and not
 * whether a request that failed was the first on its socket.
 */
export class Wire {
  readonly #maxHeadBytes: number;
  #isUsed = false;
  #isReused = false;
  #bytes = 0;
  #head: Buffer[] | undefined;

  constructor(maxHeadBytes: number) {
    this.#maxHeadBytes = maxHeadBytes;
  }

  /** Watches a new socket. */
  attach(socket: Socket): void {
    this.#isUsed = false;
    const read = socket.read.bind(socket);
    socket.read = (size?: number) => {
      const chunk: unknown = read(size);
      if (chunk instanceof Buffer) this.#take(chunk);
      return chunk;
    };
  }

  /** Notes that a request is about to be written to the socket. */
  begin(): void {
    this.#isReused = this.#isUsed;
    this.#isUsed = true;
    this.#bytes = 0;
    this.#head = [];
  }

  /** Forgets the head of the answer, which undici has parsed. */
  onHead(): void {
    this.#head = undefined;
  }

  /** Whether the request went to a socket that had carried another, and no byte of an answer came. */
  get wasClosedWhileIdle(): boolean {
    return this.#isReused && this.#bytes === 0;
  }

  /** Reads the head of the answer leniently. Undefined if no status has arrived. */
  readHead(): Head | undefined {
    let text = Buffer.concat(this.#head ?? []).toString("latin1");
    for (;;) {
      const status = Number(STATUS_LINE.exec(text)?.[1] ?? 0);
      if (status === 0) return undefined;
      const end = END_OF_HEAD.exec(text);
      if (status >= 200) return { status, headers: readHeaders(text.slice(0, end?.index)) };
      if (end === null) return undefined;
      // An interim answer comes before the final one.
      text = text.slice(end.index + end[0].length);
    }
  }

  #take(chunk: Buffer): void {
    const room = this.#maxHeadBytes - this.#bytes;
    this.#bytes += chunk.length;
    if (room > 0) this.#head?.push(chunk.subarray(0, room));
  }
}

const STATUS_LINE = /^HTTP\/1\.\d (\d{3})(?=[ \r\n])/;
const END_OF_HEAD = /\r?\n\r?\n/;

/** Reads the whole lines of a head. One that is malformed is left out. */
function readHeaders(text: string): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of text.split(/\r?\n/).slice(1)) {
    const [, name, value = ""] = /^([\w!#$%&'*+.^`|~-]{1,200}):[ \t]*(.*?)[ \t]*$/.exec(line) ?? [];
    if (name === undefined) continue;
    const key = name.toLowerCase();
    headers[key] = Object.hasOwn(headers, key) ? `${headers[key]}, ${value}` : value;
  }
  return headers;
}
