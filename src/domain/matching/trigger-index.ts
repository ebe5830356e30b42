import type { Condition } from "../condition/ast.ts";
import { type Explanation, explainCondition } from "../condition/explain.ts";
import { parseCondition } from "../condition/parse.ts";
import { finish, type Slices } from "../slices.ts";
import type { Entry } from "./entry.ts";
import { Fields } from "./fields.ts";
import { Partition } from "./partition.ts";
import { type Route, Routes } from "./partition-map.ts";
import { planOf } from "./plan.ts";
import { programOf, stepsOf } from "./program.ts";
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
   * Adds a trigger; one of the same id is replaced and keeps its place. The next `match` sees it. The trigger is kept
   * as it is, and must not be changed afterwards. A condition is checked before (`readCondition`); text is parsed, and
   * `invalid_condition` thrown where it cannot be.
   */
  add(trigger: NewTrigger): void;
  /** Removes a trigger, if it is there. The next `match` no longer sees it. */
  remove(id: string): void;
  /**
   * The ids of the triggers that the event meets, in the order of their registration. Throws `EventTooCostly` for one
   * that is over its budget. It may take seconds: where others wait, `matchInSlices` is asked.
   */
  match(event: MatchableEvent): string[];
  /**
   * As `match`: at once, which is nearly always, or else in slices of some milliseconds. A trigger that comes or goes
   * between two slices is seen or not.
   */
  matchInSlices(event: MatchableEvent): string[] | Slices<string[]>;
  /**
   * Why the event meets a trigger or not: the first clause that fails, of its tenant, connector, types and condition,
   * and what the event holds there. Undefined: there is no such trigger.
   */
  explain(event: MatchableEvent, id: string): Explanation | undefined;
  readonly size: number;
  /** The cost of matching so far, as the bytes of a body that are parsed in the same time. */
  readonly matchedBytes: number;
}

/** Bytes of JSON that are parsed in the time of one step. */
const BYTES_A_STEP = 12;

/** A trigger whose condition may be text. */
export type NewTrigger = Omit<IndexedTrigger, "where"> & { where?: Condition | string | undefined };

/** Searches are told apart by a small integer, which begins anew after this many. */
const MAX_ROUND = 2 ** 30;

/** As many triggers of one tenant, connector and type are asked faster than found. */
const FEW = 128;

/**
 * An event finds its triggers by what it holds; docs/decisions/006-trigger-index.md says how and why. Adding and
 * removing touch the one trigger's own keys and rebuild nothing. More than `few` triggers that differ only in their
 * conditions are found by keys; fewer are asked. Of each event `stepsAtOnce` of reading and searching are done at once.
 */
export function createTriggerIndex({
  few = FEW,
  stepsAtOnce,
}: {
  few?: number;
  stepsAtOnce?: number;
} = {}): TriggerIndex {
  const fields = new Fields();
  const routes = new Routes(() => new Partition(fields, few));
  /** By id, the trigger's entry in its first partition. */
  const entries = new Map<string, Entry>();
  let registered = 0;
  let steps = 0;
  let round = 0;

  function remove(id: string): Entry | undefined {
    const first = entries.get(id);
    if (first === undefined) return undefined;
    let entry: Entry | undefined = first;
    for (const route of routesOf(first.trigger)) {
      if (entry !== undefined) routes.open(route).remove(entry);
      routes.close(route);
      entry = entry?.next;
    }
    releaseFields(first.trigger);
    entries.delete(id);
    return first;
  }

  /** Not every entry keeps its program: a plan names the fields again, which it takes once more. */
  function releaseFields({ where }: IndexedTrigger): void {
    if (where === undefined) return;
    const steps = stepsOf(programOf(planOf(where, fields)));
    fields.release(steps);
    fields.release(steps);
  }

  function look(event: MatchableEvent, subject: EventSubject): string[] {
    const search = new Search(subject, nextRound());
    try {
      routes.each(event, (partition) => partition.search(search));
    } finally {
      search.end();
      steps += search.steps;
    }
    return inOrder(search.matched);
  }

  function nextRound(): number {
    if (round === MAX_ROUND) {
      for (const first of entries.values()) {
        for (let entry: Entry | undefined = first; entry !== undefined; entry = entry.next) entry.round = 0;
      }
      round = 0;
    }
    round += 1;
    return round;
  }

  return {
    add(given) {
      const trigger = withTree(given);
      const order = remove(trigger.id)?.order ?? registered++;
      const plan = trigger.where && planOf(trigger.where, fields);
      const program = plan && programOf(plan);
      let next: Entry | undefined;
      for (const route of routesOf(trigger).reverse()) {
        next = { program, keys: undefined, round: 0, order, id: trigger.id, trigger, next };
        routes.open(route).add(next, plan);
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
      const matched = look(event, subject);
      return subject.evaluation.isComplete ? matched : subject.evaluation.settle(() => look(event, subject));
    },
    explain(event, id) {
      const trigger = entries.get(id)?.trigger;
      if (trigger === undefined) return undefined;
      const [condition, subject] = [conditionOf(trigger), subjectOf(event, stepsAtOnce)];
      return finish(subject.evaluation.settle(() => explainCondition(condition, subject)));
    },
    get matchedBytes() {
      return steps * BYTES_A_STEP;
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

/** A trigger of several types lies in the partition of each. */
function routesOf({ tenantId, connector, eventTypes = [] }: IndexedTrigger): Route[] {
  const types = eventTypes.length === 0 ? [undefined] : [...new Set(eventTypes)];
  return types.map((type) => ({ tenantId, connector, type }));
}

/** The triggers' ids in the order of their registration, each once. */
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
