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
 * Airtable's records: at most 100 a page, an `offset` of `itr…/rec…` until the last page, fields without a value left
 * out, 422 for an iterator that is gone, and 429 without a time.
 * https://airtable.com/developers/web/api/list-records, …/rate-limits
 */
export function startAirtable(): Promise<Provider> {
  const rows = numbered(230, (number) => ({
    id: `rec${String(number).padStart(14, "0")}`,
    createdTime: timeOf(number),
    fields: { Name: `Row ${number}`, ...(number % 2 === 0 && { Done: true }) } as Record<string, unknown>,
  }));
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const error = (status: number, type: string, message: string) => ({
      status,
      body: { error: { type, message } },
    });
    if (headers.authorization !== "Bearer patA.0123")
      return error(401, "AUTHENTICATION_REQUIRED", "Authentication required");
    if (url.pathname !== "/v0/appA/My%20tasks") {
      return error(
        403,
        "INVALID_PERMISSIONS_OR_MODEL_NOT_FOUND",
        "Invalid permissions, or the requested model was not found.",
      );
    }
    const size = wholeIn(request, "pageSize", 100);
    if (!(size >= 1 && size <= 100)) return error(422, "INVALID_PAGE_SIZE", "pageSize must be at most 100");
    const [, id] = /^itrA\/(rec\d+)$/.exec(url.searchParams.get("offset") ?? "") ?? [];
    const start = url.searchParams.has("offset") ? rows.findIndex((row) => row.id === id) : 0;
    if (start < 0) {
      return error(422, "LIST_RECORDS_ITERATOR_NOT_AVAILABLE", "The iterator has expired; start again");
    }
    const next = rows[start + size];
    return { body: { records: rows.slice(start, start + size), ...(next && { offset: `itrA/${next.id}` }) } };
  };
  return serveProvider({
    connector: "airtable-records",
    params: (url) => ({ base_url: url, base_id: "appA", table: "My tasks" }),
    credentials: { token: "patA.0123" },
    records: 230,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      body: {
        errors: [{ error: "RATE_LIMIT_REACHED", message: "Rate limit exceeded. Please try again later" }],
      },
    }),
    change() {
      const row = rows[140] as (typeof rows)[number];
      row.fields["Done"] = true;
      row.fields["Name"] = "Another name";
      return row.id;
    },
  });
}
