import type { EventSource, Priority } from "../priority.ts";
import type { SyntheticDetail } from "./event.ts";

/** An event as it was accepted: the exact bytes of its body, and the envelope received with them. */
export interface AcceptedEvent {
  id: string;
  tenantId: string;
  connector: string;
  endpoint: string;
  /** Undefined where the provider names no type. */
  type: string | undefined;
  source: EventSource;
  priority: Priority;
  subject: string | undefined;
  /** When it happened by the provider's account, ms since the epoch. */
  occurredAtMs: number | undefined;
  receivedAtMs: number;
  deliveryKey: string;
  /** The event's index within its delivery. */
  item: number;
  headers: Record<string, string>;
  contentType: string | undefined;
  payload: Buffer;
  /** Set for an event that a poll found. */
  synthetic?: SyntheticDetail | undefined;
}
