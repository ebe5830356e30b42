import { readWaitMs } from "../../domain/waits/read-wait.ts";
import type { RateLimitSeen } from "./fetched-page.ts";

type Headers = Readonly<Record<string, string>>;

/**
 * Returns the provider's rate limit from response headers; the tightest one of several policies. Returns undefined if
 * there is none; malformed fields are ignored. A missing limit defaults to the remaining requests.
 *
 * The first of these that is present is read: the structured fields `RateLimit: "default";r=50;t=30` with
 * `RateLimit-Policy` (draft-ietf-httpapi-ratelimit-headers-11), their older form `limit=100, remaining=50, reset=30`
 * (-07), the three headers `RateLimit-Limit`, `-Remaining` and `-Reset` (-06), and `X-RateLimit-*` (or
 * `X-Rate-Limit-*`), whose reset is whatever `readWaitMs` reads: seconds, a Unix time in s or ms, or a date.
 */
export function readRateLimit(headers: Headers, nowMs: number): RateLimitSeen | undefined {
  return (
    tightest(structured(headers)) ??
    tightest(dictionary(headers["ratelimit"])) ??
    tightest(triple(headers, "ratelimit-", nowMs)) ??
    tightest(triple(headers, "x-ratelimit-", nowMs)) ??
    tightest(triple(headers, "x-rate-limit-", nowMs))
  );
}

/** Longest reset that is believed: one day, as with Retry-After. */
const MAX_RESET_S = 86_400;

/** Returns the limit that is exhausted soonest; of exhausted ones, the one that resets last. */
function tightest(seen: readonly RateLimitSeen[]): RateLimitSeen | undefined {
  const rate = ({ remaining, resetS }: RateLimitSeen) => remaining / Math.max(resetS, 1);
  const [first] = [...seen].sort((left, right) => rate(left) - rate(right) || right.resetS - left.resetS);
  return first && { ...first, resetS: Math.min(first.resetS, MAX_RESET_S) };
}

function structured(headers: Headers): RateLimitSeen[] {
  const policies = new Map(items(headers["ratelimit-policy"]).map(({ name, params }) => [name, params]));
  return items(headers["ratelimit"]).flatMap(({ name, params }) => {
    const policy = policies.get(name);
    const [remaining, resetS] = [params.get("r"), params.get("t") ?? policy?.get("w")];
    if (remaining === undefined || resetS === undefined) return [];
    return [{ limit: policy?.get("q") ?? remaining, remaining, resetS }];
  });
}

/** Parses the strings and tokens of a structured list (RFC 9651) with their numeric parameters. */
function items(field: string | undefined): { name: string; params: Map<string, number> }[] {
  if (field === undefined || field.length > MAX_LENGTH) return [];
  return [...field.matchAll(ITEM)].map(([, quoted, token, rest = ""]) => {
    const params = [...rest.matchAll(PARAMETER)].map(
      ([, key, value]) => [key as string, Number(value)] as const,
    );
    return { name: quoted ?? token ?? "", params: new Map(params) };
  });
}

const MAX_LENGTH = 4_096;
const ITEM =
  /(?:^|,)\s*(?:"([^"\\]{0,200})"|([A-Za-z*][\w.:/*-]{0,200}))((?:\s*;\s*[a-z*][\w.*-]*(?:=(?:"[^"]*"|[^;,"\s]+))?)+)/g;
const PARAMETER = /;\s*([a-z*][\w.*-]*)=(\d{1,15})(?=\s*(?:[;,]|$))/g;

function dictionary(field: string | undefined): RateLimitSeen[] {
  if (field === undefined || field.length > MAX_LENGTH) return [];
  const value = (key: string) =>
    integer(new RegExp(`(?:^|,)\\s*${key}=(\\d{1,15})\\s*(?:,|$)`).exec(field)?.[1]);
  const [limit, remaining, resetS] = [value("limit"), value("remaining"), value("reset")];
  if (remaining === undefined || resetS === undefined) return [];
  return [{ limit: limit ?? remaining, remaining, resetS }];
}

function triple(headers: Headers, prefix: string, nowMs: number): RateLimitSeen[] {
  // The draft's older form lists policies after the limit: `100, 100;w=60`.
  const limit = integer(headers[`${prefix}limit`]?.split(/[,;]/, 1)[0]);
  const remaining = integer(headers[`${prefix}remaining`]);
  const resetMs = readWaitMs(headers[`${prefix}reset`], nowMs);
  if (remaining === undefined || resetMs === undefined) return [];
  return [{ limit: limit ?? remaining, remaining, resetS: Math.ceil(resetMs / 1_000) }];
}

function integer(text: string | undefined): number | undefined {
  const trimmed = text?.trim() ?? "";
  return /^\d{1,15}$/.test(trimmed) ? Number(trimmed) : undefined;
}
