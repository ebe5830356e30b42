/** A number of requests per window, announced in one of the common header styles and enforced. */
export interface FakeQuota {
  take(nowMs: number): { refused: boolean; headers: Record<string, string> };
  /** Requests refused so far. */
  refused: number;
}

/**
 * Returns a quota whose windows follow one another from the first request on. `style` is the kind of headers: the
 * IETF draft's structured fields, its older three headers, `X-RateLimit-*` with a Unix time, or none. `retryAfter`
 * adds a Retry-After to each 429.
 */
export function createFakeQuota(options: {
  limit: number;
  windowMs: number;
  style?: "structured" | "legacy" | "x" | "none";
  retryAfter?: boolean;
}): FakeQuota {
  const { limit, windowMs, style = "none", retryAfter = true } = options;
  let startMs = Number.NEGATIVE_INFINITY;
  let used = 0;
  const quota: FakeQuota = {
    refused: 0,
    take(nowMs) {
      if (nowMs >= startMs + windowMs) {
        startMs = nowMs;
        used = 0;
      }
      const refused = used >= limit;
      if (refused) quota.refused += 1;
      else used += 1;
      const endMs = startMs + windowMs;
      const resetS = Math.ceil((endMs - nowMs) / 1_000);
      const left = limit - used;
      const styles: Record<typeof style, Record<string, string>> = {
        none: {},
        structured: {
          "ratelimit-policy": `"default";q=${limit};w=${Math.ceil(windowMs / 1_000)}`,
          ratelimit: `"default";r=${left};t=${resetS}`,
        },
        legacy: {
          "ratelimit-limit": String(limit),
          "ratelimit-remaining": String(left),
          "ratelimit-reset": String(resetS),
        },
        x: {
          "x-ratelimit-limit": String(limit),
          "x-ratelimit-remaining": String(left),
          "x-ratelimit-reset": String(Math.ceil(endMs / 1_000)),
        },
      };
      const after = refused && retryAfter ? { "retry-after": String(resetS) } : {};
      return { refused, headers: { ...styles[style], ...after } };
    },
  };
  return quota;
}
