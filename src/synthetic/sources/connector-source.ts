import type { EmptyForm, Pagination, SourceAuth, WebhookMapping } from "./polled-source.ts";

/** How a connector's records are polled, as given to a PUT of the connector and as stored. */
export interface ConnectorSource {
  /** The request of an HTTP source. A code source has a `handler` instead. */
  request?: {
    /** Takes `{name}` from the params of a tenant's source, as do headers and query. */
    url: string;
    method?: "GET" | "POST";
    /** Also take `{{secret.name}}` from the tenant's secrets. */
    headers?: Readonly<Record<string, string>>;
    query?: Readonly<Record<string, string>>;
  };
  /** The params' values for tenants' sources that give none. */
  params?: Readonly<Record<string, string>>;
  auth?: AuthInput;
  pagination?: PaginationInput;
  /** The dotted path of the array of records in a page. */
  records?: string;
  /** The dotted path of the number of all records. */
  total?: string;
  /** The records are arrays of cells, and the first of them names the columns. */
  columns?: "first_row";
  /** Values at `records` that mean an empty list. */
  empty?: readonly EmptyForm[];
  /** The id of the code source that fetches the pages. */
  handler?: string;
  /** The dotted path, or paths, of a record's id. */
  id?: string | readonly string[];
  updated_at?: string;
  ignore?: readonly string[];
  sets?: readonly string[];
  keyed?: Readonly<Record<string, string>>;
  null_equals_missing?: boolean;
  rate_limit?: SourceRateLimit;
  /** How the connector's webhooks describe the same records. */
  webhook?: {
    /** The dotted path of the record in the event's data. Absent if the data is the record. */
    record?: string;
    types: WebhookMapping["types"];
  };
}

/** The provider's rate limit, per tenant, or for all tenants together if `shared`. */
export interface SourceRateLimit {
  requests: number;
  per_seconds: number;
  shared?: boolean;
}

/** Returns the params of a tenant's source, with the connector's values for those that it leaves out. */
export function paramsOf(
  source: Pick<ConnectorSource, "params">,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  return { ...source.params, ...given };
}

/** The default path of a record's id. */
export const DEFAULT_ID = "id";

type Loose<Whole, Required extends PropertyKey> = Whole extends unknown
  ? Partial<Whole> & Pick<Whole, Extract<keyof Whole, Required>>
  : never;

/** Fields without a default are required. */
type AuthInput = Loose<SourceAuth, "type" | "name" | "grant" | "token_url">;
type PaginationInput = Loose<Pagination, "type" | "next">;

/** Fills in the defaults of `auth`. */
export function readAuth(auth: AuthInput | undefined): SourceAuth | undefined {
  return auth?.type === "api_key" ? { ...auth, in: auth.in ?? "header" } : auth;
}

/** Fills in the defaults of `pagination`. */
export function readPagination(pagination: PaginationInput = { type: "none" }): Pagination {
  switch (pagination.type) {
    case "page":
      return { ...pagination, param: pagination.param ?? "page", start: pagination.start ?? 1 };
    case "offset": {
      const { param = "offset", limit_param = "limit", limit = 100 } = pagination;
      return { type: "offset", param, limit_param, limit };
    }
    case "cursor":
      return { ...pagination, param: pagination.param ?? "cursor" };
    default:
      return pagination;
  }
}
