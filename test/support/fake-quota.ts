/** So many requests a window, told in one of the ways that APIs tell it, and enforced. */
export interface FakeQuota {
  take(nowMs: number): { refused: boolean; headers: Record<string, string> };
  /** Requests that were refused. */
  refused: number;
}

/**
 * Windows follow one another from the first request on. `style` is how answers tell of the limit: the IETF draft's
 * structured fields, its older three headers, `X-RateLimit-*` with a Unix time, or not at all; `retryAfter` whether a
 * 429 says when to come again.
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
      const told: Record<typeof style, Record<string, string>> = {
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
      return { refused, headers: { ...told[style], ...after } };
    },
  };
  return quota;
}
