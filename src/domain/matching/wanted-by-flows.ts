import type { Condition } from "../condition/ast.ts";
import { pathKeys } from "../condition/path.ts";
import type { RoutedDefinition } from "../flow/flow.ts";
import { type Wanted, WantedPaths } from "../json/wanted.ts";
import { SliceBudget, type Slices } from "../slices.ts";

/** The cost of adding one path, as bytes of JSON parsed in the same time. */
const BYTES_PER_PATH = 64;

/** Returns the part of an event's data that flows read to route it: the paths of their conditions and order keys. */
export function* wantedByFlows(flows: readonly RoutedDefinition[]): Slices<Wanted> {
  const wanted = new WantedPaths();
  const budget = new SliceBudget();
  for (const { trigger, order_by: orderBy } of flows) {
    const paths = trigger.where === undefined ? [] : pathsOf(trigger.where);
    for (const path of paths) wanted.add(pathKeys(path));
    if (orderBy !== undefined) wanted.add(pathKeys(orderBy));
    if (budget.spend((paths.length + 1) * BYTES_PER_PATH)) yield;
  }
  return wanted;
}

function pathsOf(condition: Condition): (string | string[])[] {
  switch (condition.op) {
    case "and":
    case "or":
      return condition.conditions.flatMap(pathsOf);
    case "not":
      return pathsOf(condition.condition);
    default:
      return [condition.path];
  }
}
