import type { DiffMode } from "../records/change-detail.ts";
import type { RecordOptions } from "../records/record-options.ts";

/** A tenant's polled source with everything a poll needs. Credentials are decrypted. */
export interface PolledSource {
  tenantId: string;
  /** The source's id within its tenant. */
  source: string;
  connector: string;
  entity: string;
  /** Changes with every PUT of the source and every change of its connector's `source`. */
  version: string;
  fetch: FetchPlan;
  /** The id and the compared fields of a record. */
  records: RecordOptions;
  /** The dotted path of a record's own update time. */
  updatedAt: string | undefined;
  diff: DiffMode;
  baseline: "silent" | "emit";
  deletions: {
    enabled: boolean;
    confirmPolls: number;
    graceMs: number;
    maxFraction: number;
    maxCount: number;
  };
  /** Longest wait between two polls, s. Record state is kept for three times as long, and at least a week. */
  maxIntervalSeconds?: number;
  /** How the connector's webhooks describe the same records. */
  webhook?: WebhookMapping | undefined;
}

/** The webhook events that report changes of polled records, which the poll must not report again. */
export interface WebhookMapping {
  /**
   * The dotted path of the record in the event's data, "" if the data is the record. It must have the same shape as
   * in a page.
   */
  record: string;
  /** The meaning of each event type. Other types are ignored. */
  types: Readonly<Record<string, "created" | "updated" | "deleted">>;
}

/** How the pages are fetched: over HTTP, or by a code source's `fetchPage`. */
export type FetchPlan =
  | { kind: "http"; request: HttpSourceRequest }
  | { kind: "code"; handler: string; params: Readonly<Record<string, string>>; credentials: Credentials };

/** Decrypted credentials by name. */
export type Credentials = Readonly<Record<string, string>>;

/** The request for the pages of an HTTP source. */
export interface HttpSourceRequest {
  /** Absolute, with params and secrets filled in. */
  url: string;
  /** The secrets in the URL and query, which are masked in stored page refs. */
  urlSecrets: readonly { name: string; value: string }[];
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  auth: SourceAuth | undefined;
  pagination: Pagination;
  /** The dotted path of the array of records in a page; "" if the page is that array. */
  recordsPath: string;
  /** The dotted path of the number of all records. */
  totalPath: string | undefined;
  /** The records are arrays, and the first of them names the fields of the others. */
  columns?: "first_row";
  /** How a page without an array says that it has no records. */
  empty?: readonly EmptyForm[];
  credentials: Credentials;
}

/** Forms of an empty list, besides an empty array, a total of 0 and a 204. */
export type EmptyForm = "missing" | "null";

/** How requests are authenticated. */
export type SourceAuth =
  | { type: "bearer" }
  | { type: "basic" }
  | { type: "api_key"; in: "header" | "query"; name: string; prefix?: string }
  | {
      type: "oauth2";
      grant: "client_credentials" | "refresh_token";
      token_url: string;
      scope?: string;
      /** Sends the client's id and secret in an Authorization header or in the form. */
      client_auth?: "basic" | "body";
    };

/** How pages follow one another. */
export type Pagination =
  | { type: "none" }
  | { type: "page"; param: string; start: number; size_param?: string; size?: number }
  | { type: "offset"; param: string; limit_param: string; limit: number }
  | { type: "cursor"; param: string; next: string }
  | { type: "link" }
  | { type: "next_url"; next: string };
