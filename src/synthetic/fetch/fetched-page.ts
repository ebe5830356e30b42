/** What is kept of a page until the next poll, so that an unchanged one costs no parsing. A few hundred bytes. */
export interface PageMemory {
  /** Hex; absent for pages of a code source. */
  fingerprint?: string;
  /** The provider's validators, byte for byte. */
  etag?: string;
  lastModified?: string;
  /** The ref of the page that followed; absent for the last. */
  next?: string;
  /** How many records it held. */
  records: number;
  /** How many there were in all, where the provider said so. */
  total?: number;
}

/** A page that was read. */
export interface FetchedPage {
  /** Names the page among those of its source: what its memory is kept by. */
  ref: string;
  /** When its request was sent, Unix ms: a webhook that came later knows more. */
  readAtMs: number;
  /** Undefined: the page is byte for byte, or by the provider's word (304), what its memory was made of. */
  records: unknown[] | undefined;
  /**
   * Where pages are asked for so that each begins with a record of the one before: false for the first, true for the
   * others. A page that does not begin so, or holds nothing, shows that records were skipped.
   */
  overlaps?: boolean;
  /** How many records there are in all, where the provider says so. */
  total: number | undefined;
  memory: PageMemory;
}

/** How a reading of all pages ended. */
export type FetchEnd =
  | { kind: "last_page" }
  /** The provider, or our own limiter, lets through no more: not before `retryAfterMs`, where that is known. */
  | { kind: "rate_limited"; retryAfterMs: number | undefined }
  /** A page could not be got or read. `code` is stable; the message holds no secret and nothing of a record. */
  | { kind: "failed"; code: string; message: string; retryAfterMs: number | undefined };

/** What a provider said of its limit, in the newest answer that said anything; reset in s from that answer on. */
export interface RateLimitSeen {
  limit: number;
  remaining: number;
  resetS: number;
}

/** Everything about a reading that its pages do not say. */
export interface FetchReport {
  end: FetchEnd;
  requests: number;
  rateLimit: RateLimitSeen | undefined;
}

export interface FetchOptions {
  /** What the last poll kept of the page of this ref; undefined where the whole page is wanted. */
  memory: (ref: string) => PageMemory | undefined;
  /** Asked before each request: 0, or how long it must wait, ms. */
  admit: () => number;
  signal: AbortSignal;
}

/** Reads a source page by page: yields each page as it comes, returns the report, and never throws. */
export type FetchPages = (options: FetchOptions) => AsyncGenerator<FetchedPage, FetchReport, void>;
