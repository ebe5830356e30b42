/** A condition as it is stored; docs/reference/conditions.md describes the language. */
export type Condition = Leaf | Group | Negation;

/** A test of one path, which is dotted text or an array of keys. */
export interface Leaf {
  op: LeafOperator;
  path: string | string[];
  value?: unknown;
  ignoreCase?: boolean;
}

export interface Group {
  op: "and" | "or";
  conditions: Condition[];
}

export interface Negation {
  op: "not";
  condition: Condition;
}

export type LeafOperator =
  | "eq"
  | "neq"
  | "gt"
  | "gte"
  | "lt"
  | "lte"
  | "in"
  | "nin"
  | "contains"
  | "startsWith"
  | "endsWith"
  | "exists"
  | "changed"
  | "changedFrom"
  | "changedTo";
