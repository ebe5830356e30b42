import type { Condition } from "../condition/ast.ts";
import { type Explanation, explainCondition } from "../condition/explain.ts";
import { parseCondition } from "../condition/parse.ts";
import { finish, type Slices } from "../slices.ts";
import type { Entry } from "./entry.ts";
import { Fields } from "./fields.ts";
import { Partition } from "./partition.ts";
import { type PartitionKey, PartitionMap } from "./partition-map.ts";
import { planOf } from "./plan.ts";
import { predicatesOf, programOf } from "./program.ts";
import { Search } from "./search.ts";
import {
  conditionOf,
  type EventSubject,
  type IndexedTrigger,
  type MatchableEvent,
  subjectOf,
} from "./trigger.ts";

export type { IndexedTrigger, MatchableEvent };

/** All active triggers, in memory. */
export interface TriggerIndex {
  /**
   * Adds a trigger, or replaces the one of the same id, which keeps its position. The next `match` sees it. The trigger
   * is not copied and must not be changed afterwards. A condition must have been checked by `readCondition`; text is
   * parsed, and throws `invalid_condition` if it cannot be.
   */
  add(trigger: NewTrigger): void;
  /** Removes a trigger if it exists. The next `match` no longer sees it. */
  remove(id: string): void;
  /**
   * Returns the ids of the triggers that the event meets, in registration order. Throws `EventTooCostly` for an event
   * over its budget. May take seconds: a process that serves other work uses `matchInSlices`.
   */
  match(event: MatchableEvent): string[];
  /**
   * As `match`, but returns work in slices of some milliseconds when it takes long, which is rare. A trigger added or
   * removed between two slices may or may not be seen.
   */
  matchInSlices(event: MatchableEvent): string[] | Slices<string[]>;
  /**
   * Explains why the event meets a trigger or not: the first clause that fails, of its tenant, connector, types and
   * condition, and the event's values there. Undefined if the trigger does not exist.
   */
  explain(event: MatchableEvent, id: string): Explanation | undefined;
  readonly size: number;
  /** The cost of all matching so far, as bytes of a body parsed in the same time. */
  readonly matchedBytes: number;
}

/** Bytes of JSON that are parsed in the time of one step. */
const BYTES_PER_STEP = 12;

/** A trigger whose condition may be text. */
export type NewTrigger = Omit<IndexedTrigger, "where"> & { where?: Condition | string | undefined };

/** The greatest epoch, a small integer to the engine. After it, epochs start over. */
const MAX_EPOCH = 2 ** 30;

/** Up to this many triggers of one tenant, connector and type are scanned faster than an index finds them. */
const SCAN_LIMIT = 128;

/**
 * Creates an empty index. An event finds its triggers by its own values: docs/decisions/006-trigger-index.md explains how
 * and why. Adding and removing a trigger touches its own keys and rebuilds nothing. Up to `scanLimit` triggers of one
 * tenant, connector and type are scanned, more are indexed. `stepsAtOnce` is the work on one event's fields and texts
 * that is done before the rest is deferred to slices.
 */
export function createTriggerIndex({
  scanLimit = SCAN_LIMIT,
  stepsAtOnce,
}: {
  scanLimit?: number;
  stepsAtOnce?: number;
} = {}): TriggerIndex {
  const fields = new Fields();
  const partitions = new PartitionMap(() => new Partition(fields, scanLimit));
  /** The entry of each trigger in its first partition, by id. */
  const entries = new Map<string, Entry>();
  let registered = 0;
  let steps = 0;
  let epoch = 0;

  function remove(id: string): Entry | undefined {
    const first = entries.get(id);
    if (first === undefined) return undefined;
    let entry: Entry | undefined = first;
    for (const key of partitionKeysOf(first.trigger)) {
      if (entry !== undefined) partitions.open(key).remove(entry);
      partitions.close(key);
      entry = entry?.next;
    }
    releaseFields(first.trigger);
    entries.delete(id);
    return first;
  }

  /** Plans the condition again, since not every entry has a program. That counts the uses once more: release both. */
  function releaseFields({ where }: IndexedTrigger): void {
    if (where === undefined) return;
    const predicates = predicatesOf(programOf(planOf(where, fields)));
    fields.release(predicates);
    fields.release(predicates);
  }

  function searchOnce(event: MatchableEvent, subject: EventSubject): string[] {
    const search = new Search(subject, nextEpoch());
    try {
      partitions.each(event, (partition) => partition.search(search));
    } finally {
      search.end();
      steps += search.steps;
    }
    return inOrder(search.matched);
  }

  function nextEpoch(): number {
    if (epoch === MAX_EPOCH) {
      for (const first of entries.values()) {
        for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.next) entry.epoch = 0;
      }
      epoch = 0;
    }
    epoch += 1;
    return epoch;
  }

  return {
    add(given) {
      const trigger = withTree(given);
      const order = remove(trigger.id)?.order ?? registered++;
      const plan = trigger.where && planOf(trigger.where, fields);
      const program = plan && programOf(plan);
      let next: Entry | undefined;
      for (const key of partitionKeysOf(trigger).reverse()) {
        next = { program, keys: undefined, epoch: 0, order, id: trigger.id, trigger, next };
        partitions.open(key).add(next, plan);
      }
      if (next !== undefined) entries.set(trigger.id, next);
    },
    remove(id) {
      remove(id);
    },
    match(event) {
      const matched = this.matchInSlices(event);
      return Array.isArray(matched) ? matched : finish(matched);
    },
    matchInSlices(event) {
      const subject = subjectOf(event, stepsAtOnce);
      const matched = searchOnce(event, subject);
      return subject.evaluation.isComplete
        ? matched
        : subject.evaluation.settle(() => searchOnce(event, subject));
    },
    explain(event, id) {
      const trigger = entries.get(id)?.trigger;
      if (trigger === undefined) return undefined;
      const [condition, subject] = [conditionOf(trigger), subjectOf(event, stepsAtOnce)];
      return finish(subject.evaluation.settle(() => explainCondition(condition, subject)));
    },
    get matchedBytes() {
      return steps * BYTES_PER_STEP;
    },
    get size() {
      return entries.size;
    },
  };
}

function withTree(trigger: NewTrigger): IndexedTrigger {
  const { where } = trigger;
  return typeof where === "string"
    ? { ...trigger, where: parseCondition(where) }
    : (trigger as IndexedTrigger);
}

/** Returns the keys of a trigger's partitions, one for each of its types. */
function partitionKeysOf({ tenantId, connector, eventTypes = [] }: IndexedTrigger): PartitionKey[] {
  const types = eventTypes.length === 0 ? [undefined] : [...new Set(eventTypes)];
  return types.map((type) => ({ tenantId, connector, type }));
}

/** Returns the ids of the triggers in registration order, each once. */
function inOrder(matched: Entry[]): string[] {
  if (matched.length > 1) matched.sort((left, right) => left.order - right.order);
  const ids: string[] = [];
  let last = -1;
  for (const { order, id } of matched) {
    if (order !== last) ids.push(id);
    last = order;
  }
  return ids;
}
