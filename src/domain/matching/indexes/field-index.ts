import type { Entry } from "../entry.ts";
import type { Step } from "../predicate.ts";
import type { Search } from "../search.ts";
import { Equals } from "./equality-index.ts";
import { Bands } from "./interval-index.ts";
import { Stretches } from "./ngram-index.ts";
import { Present } from "./presence-index.ts";
import { Bounds } from "./threshold-index.ts";

/** One way for the values of one field to find entries. The keys given to it are of its kind. */
export interface Way {
  /** How likely an event is offered an entry of this key, as far as can be told from the entries alone. */
  chance(key: Step): number;
  /** The mean of that over the entries; above 0. */
  readonly meanChance: number;
  add(key: Step, entry: Entry): void;
  remove(key: Step, entry: Entry): void;
  /** Offers every entry whose key the values meet, and others maybe. */
  search(values: readonly unknown[], search: Search): void;
}

export type WayKind = "equals" | "bands" | "above" | "below" | "stretches" | "present";

export function wayKind({ op }: { op: Step["op"] }): WayKind {
  switch (op) {
    case "eq":
    case "in":
      return "equals";
    case "band":
      return "bands";
    case "gt":
    case "gte":
      return "above";
    case "lt":
    case "lte":
      return "below";
    case "contains":
    case "startsWith":
    case "endsWith":
      return "stretches";
    default:
      return "present";
  }
}

export function createWay(kind: WayKind): Way {
  switch (kind) {
    case "equals":
      return new Equals();
    case "bands":
      return new Bands();
    case "above":
      return new Bounds(1);
    case "below":
      return new Bounds(-1);
    case "stretches":
      return new Stretches();
    case "present":
      return new Present();
  }
}
