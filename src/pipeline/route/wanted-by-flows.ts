import type { Condition } from "../../domain/condition/ast.ts";
import { pathKeys } from "../../domain/condition/path.ts";
import type { RoutedDefinition } from "../../domain/flow/flow.ts";
import { type Wanted, WantedPaths } from "../../domain/json/wanted.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";

/** Bytes of JSON that are parsed in the time that one path takes. */
const BYTES_A_PATH = 64;

/** The part of an event's data that flows ask about: the paths of their conditions and of their order. */
export function* wantedByFlows(flows: readonly RoutedDefinition[]): Slices<Wanted> {
  const wanted = new WantedPaths();
  const budget = new SliceBudget();
  for (const { trigger, order_by: orderBy } of flows) {
    const paths = trigger.where === undefined ? [] : pathsOf(trigger.where);
    for (const path of paths) wanted.add(pathKeys(path));
    if (orderBy !== undefined) wanted.add(pathKeys(orderBy));
    if (budget.spend((paths.length + 1) * BYTES_A_PATH)) yield;
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
