import type { Clock } from "../../runtime/clock.ts";
import type { OutgoingHttp } from "../../runtime/outgoing/index.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import { failed } from "./classify-response.ts";
import { type CodePagesDeps, codePages } from "./code-pages.ts";
import type { FetchedPage, FetchOptions, FetchPages, FetchReport } from "./fetched-page.ts";
import { type HttpPagesDeps, httpPages } from "./http-pages.ts";
import { createSendPage } from "./http-request.ts";
import { createOAuthTokens, type OAuthTokenBounds, type SaveCredentials } from "./oauth-tokens.ts";

/** Bounds of readings. */
export interface FetchBounds {
  /** Pages per reading. A reading with more pages fails. */
  maxPages: number;
  /** Bytes per page, before and after decompression. */
  maxPageBytes: number;
  /** Timeout of a page over HTTP, ms. `codeTimeoutMs` is that of a page of a code source. */
  pageTimeoutMs: number;
  codeTimeoutMs: number;
  tokens: OAuthTokenBounds;
}

/** Returns the function that reads a source's pages, over HTTP or from a code source. */
export function createFetchPages(deps: {
  outgoing: OutgoingHttp;
  clock: Clock;
  sources: CodePagesDeps["sources"];
  openLog: CodePagesDeps["openLog"];
  saveCredentials: SaveCredentials;
  /** Called for errors of Headrace or its stores. The reading continues or ends as `failed`. */
  onError: (error: unknown, source: PolledSource) => void;
  bounds: FetchBounds;
}): (source: PolledSource) => FetchPages {
  const { outgoing, clock, sources, openLog, saveCredentials, onError, bounds } = deps;
  const tokens = createOAuthTokens({ outgoing, clock, saveCredentials, onError, bounds: bounds.tokens });
  const { pageTimeoutMs: timeoutMs, maxPageBytes } = bounds;
  const http: HttpPagesDeps = {
    sendPage: createSendPage({ outgoing, clock, tokens, timeoutMs, maxPageBytes }),
    clock,
    bounds,
  };
  const code: CodePagesDeps = { sources, openLog, clock, bounds };
  return (source) =>
    async function* pages(options: FetchOptions): AsyncGenerator<FetchedPage, FetchReport, void> {
      const counted = { requests: 0, rateLimit: undefined };
      try {
        return source.fetch.kind === "http"
          ? yield* httpPages(source, source.fetch.request, options, http)
          : yield* codePages(source, source.fetch, options, code);
      } catch (error) {
        onError(error, source);
        return { end: failed("INTERNAL", "An internal error occurred; see the log"), ...counted };
      }
    };
}
