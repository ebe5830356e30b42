import type { Clock } from "../../runtime/clock.ts";
import type { OutgoingHttp } from "../../runtime/outgoing/index.ts";
import type { HttpSourceRequest, PolledSource } from "../sources/polled-source.ts";
import { authorization } from "./authorize.ts";
import { type ClassifiedResponse, classifyResponse, failed } from "./classify-response.ts";
import type { FetchEnd, FetchOptions, RateLimitSeen } from "./fetched-page.ts";
import type { OAuthTokens } from "./oauth-tokens.ts";

/** Totals of the requests of one reading. */
export interface Requests {
  count: number;
  rateLimit: RateLimitSeen | undefined;
  /** When a response last had a rate limit, Unix ms. */
  rateLimitAtMs: number;
}

/** The response to a request, or the end of the reading, with the time of the request, Unix ms. */
export type Sent = Exclude<ClassifiedResponse, { kind: "unauthorized" }> & { sentAtMs: number };

/**
 * Returns a function that sends an authorized request for a page, if our limiter and the provider's known limit allow
 * it. An OAuth token that is refused is renewed once.
 */
export function createSendPage(deps: {
  outgoing: OutgoingHttp;
  clock: Clock;
  tokens: OAuthTokens;
  timeoutMs: number;
  maxPageBytes: number;
}) {
  const { outgoing, clock, tokens } = deps;
  return async (
    page: { source: PolledSource; request: HttpSourceRequest; url: URL; headers: Record<string, string> },
    requests: Requests,
    options: Pick<FetchOptions, "admit" | "signal">,
  ): Promise<Sent> => {
    const { source, request } = page;
    let token: string | undefined;
    for (let tries = 1; ; tries += 1) {
      const waitMs = Math.max(options.admit(), usedUpForMs(requests, clock.now()));
      if (waitMs > 0) return ended({ kind: "rate_limited", retryAfterMs: waitMs }, clock.now());
      if (request.auth?.type === "oauth2") {
        const got = await tokens.get(source, request, token, options.signal);
        if (got.kind === "end") return ended(got.end, clock.now());
        token = got.token;
      }
      const { headers, query } = authorization(request.auth, request.credentials, token);
      const url = new URL(page.url);
      for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
      const sentAtMs = clock.now();
      requests.count += 1;
      const result = await outgoing.request({
        url: url.href,
        method: request.method,
        headers: {
          accept: "application/json",
          ...lowerCaseNames(request.headers),
          ...page.headers,
          ...headers,
          "accept-encoding": "gzip",
        },
        timeoutMs: deps.timeoutMs,
        maxResponseBytes: deps.maxPageBytes,
        signal: options.signal,
      });
      const response = classifyResponse(result, clock.now());
      if (response.rateLimit !== undefined) {
        requests.rateLimit = response.rateLimit;
        requests.rateLimitAtMs = clock.now();
      }
      if (response.kind !== "unauthorized") return { ...response, sentAtMs };
      if (token === undefined || tries > 1) return ended(UNAUTHORIZED, sentAtMs);
    }
  };
}

const UNAUTHORIZED = failed("UNAUTHORIZED", "The provider answered 401: the credentials are invalid");

/** Waits for the reset of an exhausted rate limit. */
function usedUpForMs({ rateLimit, rateLimitAtMs }: Requests, nowMs: number): number {
  return rateLimit?.remaining === 0 ? Math.max(0, rateLimitAtMs + rateLimit.resetS * 1_000 - nowMs) : 0;
}

function ended(end: FetchEnd, sentAtMs: number): Sent {
  return { kind: "end", end, status: 0, rateLimit: undefined, sentAtMs };
}

function lowerCaseNames(headers: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]));
}
