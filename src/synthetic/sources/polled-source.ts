import type { DiffMode } from "../records/change-detail.ts";
import type { RecordOptions } from "../records/record-options.ts";

/** A tenant's polled source with all that a poll needs, as PostgreSQL has it. Credentials are opened. */
export interface PolledSource {
  tenantId: string;
  /** The source's id within its tenant. */
  source: string;
  connector: string;
  entity: string;
  /** Another one after every PUT of the source, and every change of its connector's `source`. */
  version: string;
  fetch: FetchPlan;
  /** What names a record, and which of its fields count. */
  records: RecordOptions;
  /** The dotted path of a record's own time of change. */
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
  /** The longest wait between two polls, s: what is kept of its records lives three times as long, and a week. */
  maxIntervalSeconds?: number;
  /** How the connector's webhooks tell of the same records. */
  webhook?: WebhookMapping | undefined;
}

/** Which webhook events tell of a record that is polled as well, so that the poll need not. */
export interface WebhookMapping {
  /** The dotted path of the record in the event's data, in the shape that polls find it in; "" where it is the data. */
  record: string;
  /** What each type of event says of the record; others say nothing. */
  types: Readonly<Record<string, "created" | "updated" | "deleted">>;
}

/** How its pages are got: over HTTP as the connector declares it, or by a code source's `fetchPage`. */
export type FetchPlan =
  | { kind: "http"; request: HttpSourceRequest }
  | { kind: "code"; handler: string; params: Readonly<Record<string, string>>; credentials: Credentials };

export type Credentials = Readonly<Record<string, string>>;

export interface HttpSourceRequest {
  /** Absolute; params and secrets are filled in. */
  url: string;
  /** The tenant's secrets that the URL or the query holds: what names a page is kept without them. */
  urlSecrets: readonly { name: string; value: string }[];
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  query: Readonly<Record<string, string>>;
  auth: SourceAuth | undefined;
  pagination: Pagination;
  /** The dotted path of the array of records in a page; "" where the page is that array. */
  recordsPath: string;
  /** The dotted path of the number of all records. */
  totalPath: string | undefined;
  credentials: Credentials;
}

export type SourceAuth =
  | { type: "bearer" }
  | { type: "basic" }
  | { type: "api_key"; in: "header" | "query"; name: string; prefix?: string }
  | {
      type: "oauth2";
      grant: "client_credentials" | "refresh_token";
      token_url: string;
      scope?: string;
      /** How the client's id and secret are sent: in an Authorization header, or in the form. */
      client_auth?: "basic" | "body";
    };

export type Pagination =
  | { type: "none" }
  | { type: "page"; param: string; start: number; size_param?: string; size?: number }
  | { type: "offset"; param: string; limit_param: string; limit: number }
  | { type: "cursor"; param: string; next: string }
  | { type: "link" }
  | { type: "next_url"; next: string };
