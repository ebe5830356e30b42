import type { Condition } from "../../domain/condition/ast.ts";
import { compileCondition } from "../../domain/condition/compile.ts";

/** A flow's trigger as the index knows it. */
export interface IndexedTrigger {
  id: string;
  tenantId: string;
  /** Undefined: events of any connector. */
  connector?: string | undefined;
  /** Exact names, or a prefix with a star at its end. Undefined: any type. */
  eventTypes?: readonly string[] | undefined;
  where?: Condition | undefined;
}

/** What a trigger is matched against. */
export interface MatchableEvent {
  tenantId: string;
  connector: string;
  type: string;
  data: unknown;
  headers?: Record<string, string>;
  changes?: Record<string, { from?: unknown; to?: unknown }>;
}

/** All active triggers, in memory. */
export interface TriggerIndex {
  /** Adds a trigger; one of the same id is replaced and keeps its place. The next `match` sees it. */
  add(trigger: IndexedTrigger): void;
  /** Removes a trigger, if it is there. The next `match` no longer sees it. */
  remove(id: string): void;
  /** The ids of the triggers that the event meets, in the order of their registration. */
  match(event: MatchableEvent): string[];
  readonly size: number;
}

interface Entry {
  order: number;
  trigger: IndexedTrigger;
  matches: (event: MatchableEvent) => boolean;
}

/** A partition holds one tenant's triggers of one connector, or those of any connector. */
const ANY_CONNECTOR = "*";

/** Triggers by tenant and connector; within those, each is asked. */
export function createTriggerIndex(): TriggerIndex {
  const entries = new Map<string, Entry>();
  const partitions = new Map<string, Map<string, Entry>>();
  let registered = 0;

  function partitionName(tenantId: string, connector: string | undefined): string {
    return `${tenantId}\n${connector ?? ANY_CONNECTOR}`;
  }

  function remove(id: string): Entry | undefined {
    const entry = entries.get(id);
    if (entry === undefined) return undefined;
    const name = partitionName(entry.trigger.tenantId, entry.trigger.connector);
    const partition = partitions.get(name);
    partition?.delete(id);
    if (partition?.size === 0) partitions.delete(name);
    entries.delete(id);
    return entry;
  }

  return {
    add(trigger) {
      const replaced = remove(trigger.id);
      const order = replaced?.order ?? registered;
      if (replaced === undefined) registered += 1;
      const entry = { order, trigger, matches: compileTrigger(trigger) };
      entries.set(trigger.id, entry);
      const name = partitionName(trigger.tenantId, trigger.connector);
      const partition = partitions.get(name) ?? new Map<string, Entry>();
      partitions.set(name, partition.set(trigger.id, entry));
    },
    remove(id) {
      remove(id);
    },
    match(event) {
      const matched: Entry[] = [];
      for (const connector of [event.connector, undefined]) {
        for (const entry of partitions.get(partitionName(event.tenantId, connector))?.values() ?? []) {
          if (entry.matches(event)) matched.push(entry);
        }
      }
      return matched.sort((left, right) => left.order - right.order).map((entry) => entry.trigger.id);
    },
    get size() {
      return entries.size;
    },
  };
}

function compileTrigger({ eventTypes, where }: IndexedTrigger): Entry["matches"] {
  const typeMatches = compileTypes(eventTypes);
  if (where === undefined) return (event) => typeMatches(event.type);
  const condition = compileCondition(where);
  return (event) =>
    typeMatches(event.type) &&
    condition({
      data: event.data,
      event: envelopeOf(event),
      headers: event.headers ?? {},
      ...(event.changes === undefined ? {} : { changes: event.changes }),
    });
}

function compileTypes(types: readonly string[] | undefined): (type: string) => boolean {
  if (types === undefined || types.length === 0) return () => true;
  const exact = new Set(types.filter((type) => !type.endsWith("*")));
  const prefixes = types.filter((type) => type.endsWith("*")).map((type) => type.slice(0, -1));
  return (type) => exact.has(type) || prefixes.some((prefix) => type.startsWith(prefix));
}

/** What `$event.` paths reach. */
function envelopeOf(event: MatchableEvent): Record<string, unknown> {
  const { data: _data, headers: _headers, changes: _changes, ...envelope } = event;
  return envelope;
}
