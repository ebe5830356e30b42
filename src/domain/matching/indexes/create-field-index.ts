import type { Predicate } from "../predicate.ts";
import { EqualityIndex } from "./equality-index.ts";
import type { FieldIndex } from "./field-index.ts";
import { IntervalIndex } from "./interval-index.ts";
import { NgramIndex } from "./ngram-index.ts";
import { PresenceIndex } from "./presence-index.ts";
import { ThresholdIndex } from "./threshold-index.ts";

export type IndexKind = "equality" | "interval" | "above" | "below" | "ngram" | "presence";

/** Creates an empty index of the kind. */
export function createFieldIndex(kind: IndexKind): FieldIndex {
  switch (kind) {
    case "equality":
      return new EqualityIndex();
    case "interval":
      return new IntervalIndex();
    case "above":
      return new ThresholdIndex(1);
    case "below":
      return new ThresholdIndex(-1);
    case "ngram":
      return new NgramIndex();
    case "presence":
      return new PresenceIndex();
  }
}

/** Returns the kind of index that takes predicates of an operator. */
export function indexKindOf({ op }: { op: Predicate["op"] }): IndexKind {
  switch (op) {
    case "eq":
    case "in":
      return "equality";
    case "interval":
      return "interval";
    case "gt":
    case "gte":
      return "above";
    case "lt":
    case "lte":
      return "below";
    case "contains":
    case "startsWith":
    case "endsWith":
      return "ngram";
    default:
      return "presence";
  }
}
