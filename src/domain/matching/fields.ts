import type { Leaf } from "../condition/ast.ts";
import { fieldName, fieldReader, type ReadField } from "../condition/field.ts";
import { leafTest } from "../condition/leaf-test.ts";
import { writeJson } from "../json/exact-number.ts";
import type { LeafPredicate, Predicate } from "./predicate.ts";

/** A field that leaves test. A search reads it once, however many leaves test it. */
export interface Field {
  readonly name: string;
  readonly read: ReadField;
  /** Leaves that test the field. */
  uses: number;
  /** The values of the event that is being matched; undefined until they are read. */
  values: readonly unknown[] | undefined;
  /** Predicates that triggers share, by operator and value. */
  readonly shared: Map<string, LeafPredicate>;
}

/** Most shared predicates of one field. Where there are more, as with ids, few triggers have the same one. */
const MAX_SHARED = 64;

/** The fields of all registered conditions, each once. */
export class Fields {
  readonly #byName = new Map<string, Field>();

  /** Returns the predicate of a leaf and counts a use of its field. Equal leaves share one, which saves memory. */
  acquire(leaf: Leaf): LeafPredicate {
    const field = this.#fieldOf(leaf);
    field.uses += 1;
    const name = writeJson([leaf.op, leaf.value]);
    const shared = field.shared.get(name);
    if (shared !== undefined) return shared;
    const { op, operand } = leafTest(leaf);
    const predicate = { op, operand, field };
    if (field.shared.size < MAX_SHARED) field.shared.set(name, predicate);
    return predicate;
  }

  /** Takes back one use of each predicate's field. A field without uses is dropped. */
  release(predicates: readonly Predicate[]): void {
    for (const { field } of predicates) {
      field.uses -= 1;
      if (field.uses === 0) this.#byName.delete(field.name);
    }
  }

  #fieldOf(leaf: Leaf): Field {
    const name = fieldName(leaf);
    const known = this.#byName.get(name);
    if (known !== undefined) return known;
    const field = { name, read: fieldReader(leaf), uses: 0, values: undefined, shared: new Map() };
    this.#byName.set(name, field);
    return field;
  }
}

/** Whether triggers share the predicates of the field, since there are few different ones. */
export function isShared({ field }: Predicate): boolean {
  return field.shared.size < MAX_SHARED;
}
