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
 * GitHub's list of a repository's issues: at most 100 a page, a Link header whose links go to `/repositories/{id}`,
 * X-RateLimit headers, 403 without a user agent, and the secondary rate limit as a 403.
 * https://docs.github.com/en/rest/issues/issues#list-repository-issues
 */
export function startGithub(): Promise<Provider> {
  const issues = numbered(230, (number) => ({
    id: 1_300_000_000 + number,
    number,
    state: "open",
    title: `Issue ${number}`,
    labels: [{ id: 7, name: "bug" }],
    assignees: [],
    created_at: timeOf(number),
    updated_at: timeOf(number),
  }));
  const limits = (remaining: number) => ({
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": String(remaining),
    "x-ratelimit-used": String(5_000 - remaining),
    "x-ratelimit-reset": String(Math.ceil(Date.now() / 1_000) + 3_000),
    "x-ratelimit-resource": "core",
  });
  let remaining = 4_990;
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const message = (status: number, text: string) => ({
      status,
      body: { message: text, status: String(status) },
    });
    if (headers["user-agent"] === undefined) return message(403, "Request forbidden by administrative rules");
    if (headers.authorization !== "Bearer ghp_0123456789") return message(401, "Bad credentials");
    if (!["/repos/acme/gate/issues", "/repositories/42/issues"].includes(url.pathname))
      return message(404, "Not Found");
    remaining -= 1;
    const size = Math.min(wholeIn(request, "per_page", 30), 100);
    const number = wholeIn(request, "page", 1);
    const last = Math.ceil(issues.length / size);
    const link = (to: number, rel: string) => {
      const target = new URL(url);
      target.pathname = "/repositories/42/issues";
      target.searchParams.set("page", String(to));
      return `<${target.href}>; rel="${rel}"`;
    };
    const links = [
      ...(number > 1 ? [link(number - 1, "prev")] : []),
      ...(number < last ? [link(number + 1, "next"), link(last, "last")] : []),
      ...(number > 1 ? [link(1, "first")] : []),
    ];
    return {
      headers: { ...limits(remaining), ...(links.length > 0 && { link: links.join(", ") }) },
      body: issues.slice((number - 1) * size, number * size),
    };
  };
  return serveProvider({
    connector: "github-issues",
    params: (url) => ({ base_url: url, owner: "acme", repo: "gate" }),
    credentials: { token: "ghp_0123456789" },
    records: 230,
    pages: 3,
    page,
    refusal: () => ({
      status: 403,
      headers: { ...limits(remaining), "retry-after": "60" },
      body: {
        message: "You have exceeded a secondary rate limit. Please wait a few minutes before you try again.",
        documentation_url: "https://docs.github.com/rest/overview/rate-limits-for-the-rest-api",
      },
    }),
    change() {
      const issue = issues[150] as (typeof issues)[number];
      issue.title = "Another title";
      issue.updated_at = timeOf(1_000);
      return String(issue.id);
    },
  });
}
