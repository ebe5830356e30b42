import type { EventSource, Priority } from "../priority.ts";

/** The field diff of a synthetic event, by JSON pointer. `truncated`: the values are too large, or were not kept. */
export type EventChanges = Record<string, { from?: unknown; to?: unknown; truncated?: true }>;

/** What a synthetic event says beside its data. Absent is false. */
export interface SyntheticDetail {
  changes?: EventChanges;
  /** Changes that are more than `changes` holds. */
  changesOmitted?: number;
  /** The record is gone, and what it held last was not kept: the data is its id alone. */
  finalStateUnknown?: true;
  /** The record is too large for an event: the data is its id alone. */
  truncated?: true;
  /** The connector's webhooks tell of such changes, and none had told of this one. */
  missedByWebhook?: true;
}

/** An event after normalisation: what triggers are matched against and actions are given. */
export interface NormalizedEvent extends SyntheticDetail {
  id: string;
  tenantId: string;
  connector: string;
  endpoint: string;
  /** The provider's own name for what happened; "" where it gives none. */
  type: string;
  source: EventSource;
  priority: Priority;
  subject: string | undefined;
  /** When it happened by the provider's account, else when it was received; RFC 3339 UTC. */
  occurredAt: string;
  receivedAt: string;
  /** SHA-256, hex: the same for the same event, however often it comes. */
  idempotencyKey: string;
  headers: Record<string, string>;
  /** The event's data; of a large event whose text is `dataText`, only the paths that its reader asked for. */
  data: unknown;
  /** The JSON of all data of a large event, as it was accepted. */
  dataText?: Buffer;
}
