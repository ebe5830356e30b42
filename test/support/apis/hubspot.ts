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
 * HubSpot's contacts: at most 100 a page, `paging.next.after` until the last page, which has no `paging`; only the
 * properties that were asked for, and 429 with a policy and no time.
 * https://developers.hubspot.com/docs/api-reference/crm-contacts-v3/basic/get-crm-v3-objects-contacts
 */
export function startHubspot(): Promise<Provider> {
  const contacts = numbered(250, (number) => ({
    id: String(number * 50 + 1),
    properties: {
      email: `${number}@acme.example`,
      firstname: "Ada",
      lastname: `Nr ${number}`,
      secret_score: "7",
    } as Record<string, string>,
    createdAt: timeOf(number),
    updatedAt: timeOf(number),
    archived: false,
  }));
  const page = (request: ProviderRequest): ProviderAnswer => {
    const { headers, url } = request;
    const error = (status: number, category: string, message: string) => ({
      status,
      body: { status: "error", message, correlationId: "c-1", category },
    });
    if (headers.authorization !== "Bearer pat-eu1-0123") {
      return error(401, "INVALID_AUTHENTICATION", "Authentication credentials not found.");
    }
    if (url.pathname !== "/crm/v3/objects/contacts")
      return error(404, "OBJECT_NOT_FOUND", "resource not found");
    const size = wholeIn(request, "limit", 10);
    if (!(size >= 1 && size <= 100)) return error(400, "VALIDATION_ERROR", "limit must be at most 100");
    const after = url.searchParams.get("after");
    const start = after === null ? 0 : contacts.findIndex(({ id }) => Number(id) >= Number(after));
    if (start < 0) return error(400, "VALIDATION_ERROR", "Invalid 'after' value");
    const asked = new Set((url.searchParams.get("properties") ?? "").split(","));
    const results = contacts.slice(start, start + size).map(({ properties, ...contact }) => {
      const shown = Object.entries(properties).filter(([name]) => asked.has(name));
      const lastmodifieddate = contact.updatedAt;
      return {
        ...contact,
        properties: { ...Object.fromEntries(shown), hs_object_id: contact.id, lastmodifieddate },
      };
    });
    const next = contacts[start + size];
    const paging = next && {
      next: { after: next.id, link: `${url.origin}${url.pathname}?after=${next.id}` },
    };
    return {
      headers: {
        "x-hubspot-ratelimit-daily": "250000",
        "x-hubspot-ratelimit-daily-remaining": "249000",
        "x-hubspot-ratelimit-interval-milliseconds": "10000",
        "x-hubspot-ratelimit-max": "100",
        "x-hubspot-ratelimit-remaining": "98",
      },
      body: { results, ...(paging && { paging }) },
    };
  };
  return serveProvider({
    connector: "hubspot-contacts",
    params: (url) => ({ base_url: url }),
    credentials: { token: "pat-eu1-0123" },
    records: 250,
    pages: 3,
    page,
    refusal: () => ({
      status: 429,
      body: {
        status: "error",
        message: "You have reached your ten_secondly_rolling limit.",
        errorType: "RATE_LIMIT",
        correlationId: "c-2",
        policyName: "TEN_SECONDLY_ROLLING",
      },
    }),
    change() {
      const contact = contacts[200] as (typeof contacts)[number];
      contact.properties["firstname"] = "Grace";
      contact.updatedAt = timeOf(1_000);
      return contact.id;
    },
  });
}
