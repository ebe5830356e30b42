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
 * Jira's search by JQL: bounded queries only, at most 100 issues a page with fields, `nextPageToken` until the last
 * page, which has `isLast` alone; times with `+0000`, limits with their reset as a time.
 * https://developer.atlassian.com/cloud/jira/platform/rest/v3/api-group-issue-search/, …/rate-limiting/
 */
export function startJira(): Promise<Provider> {
  const issues = numbered(230, (number) => ({
    expand: "operations,versionedRepresentations",
    id: String(10_000 + number),
    key: `GATE-${number}`,
    fields: {
      summary: `Issue ${number}`,
      labels: ["a", "b"],
      lastViewed: null as string | null,
      updated: timeOf(number).replace("Z", "+0000"),
    },
  }));
  const login = `Basic ${Buffer.from("dev@acme.example:ATATT-0123").toString("base64")}`;
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const error = (status: number, message: string) => ({
      status,
      body: { errorMessages: [message], errors: {} },
    });
    if (headers.authorization !== login)
      return error(401, "Client must be authenticated to access this resource.");
    if (url.pathname !== "/rest/api/3/search/jql") return error(410, "The requested API has been removed.");
    if (!/\bproject\b/.test(url.searchParams.get("jql") ?? "")) {
      return error(
        400,
        "Unbounded JQL queries are not allowed here. Please add a search restriction to your query.",
      );
    }
    const size = Math.min(
      wholeIn(request, "maxResults", 50),
      url.searchParams.get("fields") === "id" ? 5_000 : 100,
    );
    const token = url.searchParams.get("nextPageToken");
    const start = token === null ? 0 : Number(Buffer.from(token, "base64").toString().replace("from:", ""));
    if (!Number.isInteger(start)) return error(400, "The provided next page token is invalid or expired.");
    const isLast = start + size >= issues.length;
    const shown = issues.slice(start, start + size);
    // The poll itself is a view of the first issue.
    const [first] = shown;
    if (first !== undefined) first.fields.lastViewed = new Date().toISOString().replace("Z", "+0000");
    return {
      headers: {
        "x-ratelimit-limit": "350",
        "x-ratelimit-remaining": "340",
        "x-ratelimit-reset": new Date(Date.now() + 60_000).toISOString().replace(/:\d\d\.\d+Z/, "Z"),
      },
      body: {
        issues: shown,
        ...(isLast ? { isLast } : { nextPageToken: Buffer.from(`from:${start + size}`).toString("base64") }),
      },
    };
  };
  return serveProvider({
    connector: "jira-issues",
    params: (url) => ({ base_url: url, jql: "project = GATE ORDER BY id" }),
    credentials: { username: "dev@acme.example", password: "ATATT-0123" },
    records: 230,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      headers: { "retry-after": "5", "x-ratelimit-reason": "jira-burst-based" },
      body: { errorMessages: ["Rate limit exceeded."], errors: {} },
    }),
    change() {
      const issue = issues[130] as (typeof issues)[number];
      issue.fields.summary = "Another summary";
      return issue.id;
    },
  });
}
