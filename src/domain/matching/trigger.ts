import type { Condition } from "../condition/ast.ts";
import { Evaluation } from "../condition/evaluation.ts";
import type { ConditionSubject } from "../condition/field.ts";

/** A flow's trigger in the form that the index takes. */
export interface IndexedTrigger {
  id: string;
  tenantId: string;
  /** Undefined: events of any connector. */
  connector?: string | undefined;
  /** Exact names, or a prefix with a star at its end. Undefined or empty: any type. */
  eventTypes?: readonly string[] | undefined;
  where?: Condition | undefined;
}

/** An event in the form that triggers are matched against. */
export interface MatchableEvent {
  tenantId: string;
  connector: string;
  type: string;
  data: unknown;
  headers?: Record<string, string>;
  changes?: Record<string, { from?: unknown; to?: unknown }>;
}

/** Returns the subject of an event. `stepsAtOnce` is the work that its evaluation does before it defers the rest. */
export function subjectOf(event: MatchableEvent, stepsAtOnce?: number): EventSubject {
  return new EventSubject(event, stepsAtOnce);
}

/** An event as conditions see it, with the state of its evaluation. */
export class EventSubject implements ConditionSubject {
  readonly data: unknown;
  readonly headers: Record<string, string>;
  readonly changes: NonNullable<ConditionSubject["changes"]>;
  readonly evaluation: Evaluation;
  readonly #event: MatchableEvent;

  constructor(event: MatchableEvent, stepsAtOnce?: number) {
    this.evaluation = new Evaluation(stepsAtOnce);
    this.data = event.data;
    this.headers = event.headers ?? NONE;
    this.changes = event.changes ?? NONE;
    this.#event = event;
  }

  /** The envelope by the API's names. Built on demand, since few conditions read it. */
  get event(): Record<string, unknown> {
    const { data: _data, headers: _headers, changes: _changes, ...envelope } = this.#event;
    return Object.fromEntries(
      Object.entries(envelope).map(([name, value]) => [API_NAMES[name] ?? name, value]),
    );
  }
}

const NONE = {};

/** API names that differ from the internal ones. */
const API_NAMES: Readonly<Record<string, string>> = {
  tenantId: "tenant_id",
  occurredAt: "occurred_at",
  receivedAt: "received_at",
  idempotencyKey: "idempotency_key",
};

/** Returns the whole trigger as one condition on the event's tenant, connector, type and data. */
export function conditionOf({ tenantId, connector, eventTypes = [], where }: IndexedTrigger): Condition {
  const conditions: Condition[] = [{ op: "eq", path: "$event.tenant_id", value: tenantId }];
  if (connector !== undefined) conditions.push({ op: "eq", path: "$event.connector", value: connector });
  const types = eventTypes.map((type): Condition => {
    const path = "$event.type";
    if (!type.endsWith("*")) return { op: "eq", path, value: type };
    return type === "*" ? { op: "exists", path } : { op: "startsWith", path, value: type.slice(0, -1) };
  });
  if (types.length > 0) conditions.push({ op: "or", conditions: types });
  if (where !== undefined) conditions.push(where);
  return { op: "and", conditions };
}
