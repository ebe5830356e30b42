import type { Leaf } from "../condition/ast.ts";
import { fieldName, fieldReader, type ReadField } from "../condition/field.ts";
import { leafTest } from "../condition/leaf-test.ts";
import type { LeafStep, Step } from "./predicate.ts";

/** A place in events that leaves ask about. An event is read there once, however many ask. */
export interface Field {
  readonly name: string;
  readonly read: ReadField;
  /** Leaves that ask here. */
  uses: number;
  /** What the event under way holds here; undefined until it is asked. */
  values: readonly unknown[] | undefined;
  /** Leaves that triggers share, by what they ask. */
  readonly shared: Map<string, LeafStep>;
}

/** Leaves of one field that are shared; where there are more, as with ids, few are the same. */
const MAX_SHARED = 64;

/** The fields of all registered conditions, each once. */
export class Fields {
  readonly #byName = new Map<string, Field>();

  /** A leaf ready to be asked: triggers that ask the same share it, which spares memory and its caches. */
  take(leaf: Leaf): LeafStep {
    const field = this.#fieldOf(leaf);
    field.uses += 1;
    const what = JSON.stringify([leaf.op, leaf.value]);
    const shared = field.shared.get(what);
    if (shared !== undefined) return shared;
    const { op, operand } = leafTest(leaf);
    const check = { op, operand, field };
    if (field.shared.size < MAX_SHARED) field.shared.set(what, check);
    return check;
  }

  /** Takes back one use of each step's field. */
  release(steps: readonly Step[]): void {
    for (const { field } of steps) {
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

/** Whether few different leaves ask what the step asks about: then triggers share them. */
export function isShared({ field }: Step): boolean {
  return field.shared.size < MAX_SHARED;
}
