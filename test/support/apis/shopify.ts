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
 * Shopify's orders: at most 250 a page, Link headers with `page_info`, beside which only `limit` and `fields` may stand,
 * the call limit as a fraction, and 429 with a decimal Retry-After.
 * https://shopify.dev/docs/api/admin-rest/usage/pagination, …/usage/rate-limits
 */
export function startShopify(): Promise<Provider> {
  const orders = numbered(620, (number) => ({
    id: 5_000_000_000_000 + number,
    name: `#${1_000 + number}`,
    financial_status: "pending",
    total_price: "19.90",
    created_at: timeOf(number),
    updated_at: timeOf(number).replace("Z", "+00:00"),
  })).reverse();
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const errors = (status: number, text: unknown) => ({ status, body: { errors: text } });
    if (headers["x-shopify-access-token"] !== "shpat_0123456789") {
      return errors(401, "[API] Invalid API key or access token (unrecognized login or wrong password)");
    }
    if (url.pathname !== "/admin/api/2025-10/orders.json") return errors(404, "Not Found");
    const info = url.searchParams.get("page_info");
    const beside = [...url.searchParams.keys()].filter(
      (name) => !["limit", "page_info", "fields"].includes(name),
    );
    if (info !== null && beside.length > 0) {
      return errors(400, { [beside[0] as string]: "cannot be passed when page_info is present" });
    }
    if (info === null && url.searchParams.get("status") !== "any") return { body: { orders: [] } };
    const size = wholeIn(request, "limit", 50);
    if (!(size >= 1 && size <= 250)) return errors(400, { limit: "must be between 1 and 250" });
    const start = info === null ? 0 : Number(Buffer.from(info, "base64url").toString());
    if (!Number.isInteger(start)) return errors(400, { page_info: "Invalid value." });
    const link = (from: number, rel: string) => {
      const target = new URL(url.pathname, url);
      target.searchParams.set("limit", String(size));
      target.searchParams.set("page_info", Buffer.from(String(from)).toString("base64url"));
      return `<${target.href}>; rel="${rel}"`;
    };
    const links = [
      ...(start > 0 ? [link(Math.max(0, start - size), "previous")] : []),
      ...(start + size < orders.length ? [link(start + size, "next")] : []),
    ];
    return {
      headers: {
        "x-shopify-shop-api-call-limit": "1/40",
        ...(links.length > 0 && { link: links.join(", ") }),
      },
      body: { orders: orders.slice(start, start + size) },
    };
  };
  return serveProvider({
    connector: "shopify-orders",
    params: (url) => ({ base_url: url }),
    credentials: { key: "shpat_0123456789" },
    records: 620,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      headers: { "retry-after": "2.0", "x-shopify-shop-api-call-limit": "40/40" },
      body: {
        errors:
          "Exceeded 2 calls per second for api client. Reduce request rates to resume uninterrupted service.",
      },
    }),
    change() {
      const order = orders[300] as (typeof orders)[number];
      order.financial_status = "paid";
      order.updated_at = timeOf(2_000);
      return String(order.id);
    },
  });
}
