/** A page's metadata, kept until the next poll so that an unchanged page needs no parsing. A few hundred bytes. */
export interface PageMemory {
  /** Hex; absent for pages of a code source. */
  fingerprint?: string;
  /** The provider's validators, byte for byte. */
  etag?: string;
  lastModified?: string;
  /** The ref of the next page; absent for the last page. */
  next?: string;
  /** Records on the page. */
  records: number;
  /** The provider's total, if the page had one. */
  total?: number;
}

/** A page that was read. */
export interface FetchedPage {
  /** Identifies the page within its source; the key of its memory. */
  ref: string;
  /** When the request was sent, Unix ms. Webhooks received later are newer than the page. */
  readAtMs: number;
  /** Undefined if the page is unchanged: the same bytes, or a 304. */
  records: unknown[] | undefined;
  /** Length of the page, if it is known: long pages are compared in slices. */
  bytes?: number;
  /**
   * Set if each page should begin with the last record of the previous one: false for the first page, true for the
   * others. A page that begins otherwise, or is empty, shows that records were skipped.
   */
  overlaps?: boolean;
  /** The provider's total, if the page has one. */
  total: number | undefined;
  memory: PageMemory;
}

/** The end of a reading. */
export type FetchEnd =
  | { kind: "last_page" }
  /** The rate limit of the provider or of Headrace was reached. No request before `retryAfterMs`, if known. */
  | { kind: "rate_limited"; retryAfterMs: number | undefined }
  /** A page could not be fetched or read. `code` is stable; the message contains no secret and no record data. */
  | { kind: "failed"; code: string; message: string; retryAfterMs: number | undefined };

/** The provider's rate limit in the newest response that had one. `resetS` counts from that response. */
export interface RateLimitSeen {
  limit: number;
  remaining: number;
  resetS: number;
}

/** The result of a reading apart from its pages. */
export interface FetchReport {
  end: FetchEnd;
  requests: number;
  rateLimit: RateLimitSeen | undefined;
}

/** Inputs of a reading. */
export interface FetchOptions {
  /** Returns the page's memory from the last poll; undefined to read the whole page. */
  memory: (ref: string) => PageMemory | undefined;
  /** Called before each request. Returns 0, or how long the request has to wait, ms. */
  admit: () => number;
  signal: AbortSignal;
}

/** Reads a source page by page: yields the pages and returns the report. Never throws. */
export type FetchPages = (options: FetchOptions) => AsyncGenerator<FetchedPage, FetchReport, void>;
