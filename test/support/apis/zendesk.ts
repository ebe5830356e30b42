import {
  numbered,
  type Provider,
  type ProviderAnswer,
  type ProviderRequest,
  serveProvider,
  timeOf,
  wholeIn,
} from "./provider.ts";

/**
 * Zendesk's tickets by cursor: at most 100 a page, `meta.has_more` beside a cursor that the last page has too, an API
 * token as the password of `address/token`, and 429 with Retry-After.
 * https://developer.zendesk.com/api-reference/introduction/pagination/, …/rate-limits/
 */
export function startZendesk(): Promise<Provider> {
  const tickets = numbered(230, (id) => ({
    id,
    subject: `Ticket ${id}`,
    status: "open",
    tags: ["vip", "eu"],
    created_at: timeOf(id).replace(".000Z", "Z"),
    updated_at: timeOf(id).replace(".000Z", "Z"),
  }));
  const login = `Basic ${Buffer.from("agent@acme.example/token:zd-0123").toString("base64")}`;
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    if (headers.authorization !== login) return { status: 401, body: { error: "Couldn't authenticate you" } };
    if (url.pathname !== "/api/v2/tickets.json") return { status: 404, body: { error: "InvalidEndpoint" } };
    const size = Math.min(wholeIn(request, "page[size]", 100), 100);
    const after = url.searchParams.get("page[after]");
    const start = after === null ? 0 : Number(Buffer.from(after, "base64").toString());
    if (!Number.isInteger(start)) {
      const errors = [{ code: "InvalidPaginationParameter", title: "Invalid cursor" }];
      return { status: 400, body: { errors } };
    }
    const shown = tickets.slice(start, start + size);
    const cursor = shown.length === 0 ? null : Buffer.from(String(start + shown.length)).toString("base64");
    const next = new URL(url);
    if (cursor !== null) next.searchParams.set("page[after]", cursor);
    return {
      headers: {
        "x-rate-limit": "700",
        "x-rate-limit-remaining": "699",
        "ratelimit-limit": "700",
        "ratelimit-remaining": "699",
        "ratelimit-reset": "41",
      },
      body: {
        tickets: shown,
        meta: { has_more: start + size < tickets.length, after_cursor: cursor, before_cursor: after },
        links: { next: cursor === null ? null : next.href, prev: null },
      },
    };
  };
  return serveProvider({
    connector: "zendesk-tickets",
    params: (url) => ({ base_url: url }),
    credentials: { username: "agent@acme.example/token", password: "zd-0123" },
    records: 230,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      headers: { "retry-after": "41" },
      body: {
        error: "APIRateLimitExceeded",
        description: "Number of allowed API requests per minute exceeded",
      },
    }),
    change() {
      const ticket = tickets[120] as (typeof tickets)[number];
      ticket.status = "solved";
      return String(ticket.id);
    },
  });
}
