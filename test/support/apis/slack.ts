import {
  numbered,
  type Provider,
  type ProviderAnswer,
  type ProviderRequest,
  serveProvider,
  wholeIn,
} from "./provider.ts";

/**
 * Slack's users: errors as `ok: false` in a 200, a `next_cursor` that is empty on the last page, update times in
 * seconds, and 429 with Retry-After.
 * https://docs.slack.dev/reference/methods/users.list, https://docs.slack.dev/apis/web-api/rate-limits
 */
export function startSlack(): Promise<Provider> {
  const members = numbered(520, (number) => ({
    id: `U${String(number).padStart(8, "0")}`,
    team_id: "T1",
    name: `user${number}`,
    deleted: false,
    profile: { real_name: `User ${number}` },
    updated: 1_767_225_600 + number,
  }));
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const error = (name: string) => ({ body: { ok: false, error: name } });
    if (url.pathname !== "/api/users.list") return error("unknown_method");
    if (headers.authorization === undefined) return error("not_authed");
    if (headers.authorization !== "Bearer xoxb-0123") return error("invalid_auth");
    const size = wholeIn(request, "limit", 0);
    if (!(size >= 1 && size <= 1_000)) return error("limit_required");
    const cursor = url.searchParams.get("cursor");
    const start = cursor === null ? 0 : Number(Buffer.from(cursor, "base64").toString().replace("user:", ""));
    if (!Number.isInteger(start)) return error("invalid_cursor");
    const end = start + size;
    const next = end < members.length ? Buffer.from(`user:${end}`).toString("base64") : "";
    return {
      body: {
        ok: true,
        members: members.slice(start, end),
        cache_ts: Math.floor(Date.now() / 1_000),
        response_metadata: { next_cursor: next },
      },
    };
  };
  return serveProvider({
    connector: "slack-users",
    params: (url) => ({ base_url: `${url}/api` }),
    credentials: { token: "xoxb-0123" },
    records: 520,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      headers: { "retry-after": "30" },
      body: { ok: false, error: "ratelimited" },
    }),
    change() {
      const member = members[250] as (typeof members)[number];
      member.profile.real_name = "Another name";
      member.updated += 9_000;
      return member.id;
    },
  });
}
