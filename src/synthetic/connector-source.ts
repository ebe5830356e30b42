import type { Pagination, SourceAuth } from "./polled-source.ts";

/** How a connector's records are polled, as a PUT of the connector gives it and as it is stored. */
export interface ConnectorSource {
  /** Of an HTTP source; the others have a `handler`. */
  request?: {
    /** Takes `{name}` from the params of a tenant's source, as do headers and query. */
    url: string;
    method?: "GET" | "POST";
    /** Take `{{secret.name}}` of the tenant's secrets, too. */
    headers?: Readonly<Record<string, string>>;
    query?: Readonly<Record<string, string>>;
  };
  auth?: SourceAuth;
  pagination?: Pagination;
  /** The dotted path of the array of records in a page. */
  records?: string;
  /** The dotted path of the number of all records. */
  total?: string;
  /** The id of the code source that fetches. */
  handler?: string;
  /** The dotted path, or paths, of what names a record. */
  id?: string | readonly string[];
  updated_at?: string;
  ignore?: readonly string[];
  sets?: readonly string[];
  keyed?: Readonly<Record<string, string>>;
  null_equals_missing?: boolean;
  rate_limit?: SourceRateLimit;
}

/** What a provider lets through; of each tenant, or of all of them together where it is `shared`. */
export interface SourceRateLimit {
  requests: number;
  per_seconds: number;
  shared?: boolean;
}

/** What names a record where the connector does not say. */
export const DEFAULT_ID = "id";
