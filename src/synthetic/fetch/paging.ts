import { ExactNumber } from "../../domain/json/exact-number.ts";
import { valueAt } from "../records/canonical-json.ts";
import type { HttpSourceRequest, Pagination } from "../sources/polled-source.ts";
import { nextLink } from "./link-header.ts";

/** The facts about a page from which the next one is found. */
export interface PageRead {
  ref: string;
  body: unknown;
  headers: Readonly<Record<string, string>>;
  /** Records on this page; `before` counts those on the pages before it in this reading. */
  records: number;
  before: number;
  total: number | undefined;
}

/** The next page, the end, or the reason why the next page is unknown. */
export type NextPage =
  | { kind: "page"; ref: string }
  | { kind: "last" }
  | { kind: "failed"; code: string; message: string };

/**
 * Names the pages of a source and finds the next one. A ref contains no secret and is sufficient to request its page.
 */
export interface Paging {
  first: string;
  urlOf(ref: string): URL;
  next(page: PageRead): NextPage;
  /** Set if a page begins with the last record of the previous page, provided that one had more than one record. */
  overlaps?: true;
  /**
   * Whether a 400, 404, 416 or 422 for the page after this one may mean the end: this page had fewer records than
   * were requested.
   */
  mayEndWith(page: { ref: string; records: number }): boolean;
}

/**
 * Returns the paging of a request. Numbered pages and offsets are read until a page is empty or the provider's total
 * is reached: a short page is no proof, since a truncated response looks the same. Offsets overlap by one record, so
 * that a record that moved between two pages is noticed.
 */
export function createPaging(request: HttpSourceRequest): Paging {
  const { pagination } = request;
  const base = new URL(request.url);
  for (const [name, value] of Object.entries(request.query)) base.searchParams.set(name, value);
  switch (pagination.type) {
    case "none":
      return { first: "p:", urlOf: () => base, next: () => ({ kind: "last" }), mayEndWith: () => false };
    case "page":
      return byNumber(base, pagination);
    case "offset":
      return byOffset(base, pagination);
    case "cursor":
      return byCursor(base, pagination);
    case "link":
      return byUrl(base, request, ({ headers }) => nextLink(headers["link"]));
    case "next_url":
      return byUrl(base, request, ({ body }) => valueAt(body, pagination.next));
  }
}

const LAST: NextPage = { kind: "last" };

function byNumber(base: URL, pagination: Extract<Pagination, { type: "page" }>): Paging {
  const { param, start, size_param: sizeParam, size } = pagination;
  const numberOf = (ref: string) => Number(ref.slice(2));
  return {
    first: `p:${start}`,
    urlOf(ref) {
      const url = new URL(base);
      url.searchParams.set(param, ref.slice(2));
      if (sizeParam !== undefined && size !== undefined) url.searchParams.set(sizeParam, String(size));
      return url;
    },
    next({ ref, records, before, total }) {
      if (records === 0 || isTotalReached(before + records, total, records === size)) return LAST;
      return { kind: "page", ref: `p:${numberOf(ref) + 1}` };
    },
    mayEndWith: ({ records }) => size !== undefined && records < size,
  };
}

/** A full page beyond the total shows that the total counts something else, such as pages. */
function isTotalReached(seen: number, total: number | undefined, isFull: boolean): boolean {
  return total !== undefined && (seen === total || (seen > total && !isFull));
}

function byOffset(base: URL, pagination: Extract<Pagination, { type: "offset" }>): Paging {
  const { param, limit_param: limitParam, limit } = pagination;
  return {
    first: "o:0",
    urlOf(ref) {
      const url = new URL(base);
      url.searchParams.set(param, ref.slice(2));
      url.searchParams.set(limitParam, String(limit));
      return url;
    },
    next({ ref, records, total }) {
      const offset = Number(ref.slice(2));
      // The page contains only the overlap.
      if (records === 0 || (records === 1 && offset > 0)) return LAST;
      if (isTotalReached(offset + records, total, records === limit)) return LAST;
      return { kind: "page", ref: `o:${offset + Math.max(1, records - 1)}` };
    },
    overlaps: true,
    mayEndWith: ({ records }) => records <= 1,
  };
}

function byCursor(base: URL, { param, next }: Extract<Pagination, { type: "cursor" }>): Paging {
  return {
    first: "c:",
    urlOf(ref) {
      const url = new URL(base);
      if (ref !== "c:") url.searchParams.set(param, ref.slice(2));
      return url;
    },
    next({ body }) {
      const cursor = readNext(valueAt(body, next));
      if (cursor.kind !== "text") return cursor;
      return bounded(`c:${cursor.text}`);
    },
    mayEndWith: () => false,
  };
}

function byUrl(base: URL, request: HttpSourceRequest, nextOf: (page: PageRead) => unknown): Paging {
  const { auth } = request;
  // A provider may repeat the key in its links, and refs are stored.
  const secret = auth?.type === "api_key" && auth.in === "query" ? auth.name : undefined;
  const masked = request.urlSecrets.filter(({ value }) => value !== "");
  const refOf = (url: URL) => {
    if (secret !== undefined && url.searchParams.has(secret)) url.searchParams.delete(secret);
    return masked.reduce(withoutSecret, `u:${url.pathname}${url.search}`);
  };
  const urlOf = (ref: string) =>
    new URL(
      base.origin +
        masked.reduceRight(
          (text, { name, value }) => text.replaceAll(maskOf(name), () => encodeURIComponent(value)),
          ref.slice(2),
        ),
    );
  return {
    first: refOf(new URL(base)),
    urlOf,
    next(page) {
      const next = readNext(nextOf(page));
      if (next.kind !== "text") return next;
      const from = urlOf(page.ref).href;
      if (!URL.canParse(next.text, from))
        return failed("PAGE_UNREADABLE", "The URL of the next page is invalid");
      const url = new URL(next.text, from);
      // Credentials are sent only to the origin that they were configured for.
      if (url.origin === base.origin) return bounded(refOf(url));
      return failed("NEXT_PAGE_ELSEWHERE", `The next page is not at ${base.origin}, where this one is`);
    },
    mayEndWith: () => false,
  };
}

/** Replaces a secret in refs, which are stored in Redis. URLs cannot contain these brackets themselves. */
function maskOf(name: string): string {
  return `<secret.${name}>`;
}

/** Masks the secret as it was sent and as a provider may encode it in a link. */
function withoutSecret(ref: string, { name, value }: { name: string; value: string }): string {
  const inForm = new URLSearchParams({ x: value }).toString().slice(2);
  const written = [...new Set([encodeURIComponent(value), inForm, value])].sort(
    (a, b) => b.length - a.length,
  );
  return written.reduce((text, one) => text.replaceAll(one, maskOf(name)), ref);
}

function readNext(value: unknown): { kind: "text"; text: string } | NextPage {
  if (value === undefined || value === null || value === "" || value === false) return LAST;
  if (typeof value === "string") return { kind: "text", text: value };
  if (typeof value === "number" || value instanceof ExactNumber) return { kind: "text", text: `${value}` };
  return failed("PAGE_UNREADABLE", "The name of the next page is neither a string nor a number");
}

/** Refs of all pages are kept until the next poll. */
const MAX_REF_LENGTH = 4_096;

function bounded(ref: string): NextPage {
  if (ref.length <= MAX_REF_LENGTH) return { kind: "page", ref };
  return failed("CURSOR_TOO_LONG", `The name of the next page is longer than ${MAX_REF_LENGTH} characters`);
}

function failed(code: string, message: string): NextPage {
  return { kind: "failed", code, message };
}
