import type { Leaf } from "../../../domain/condition/ast.ts";
import { fieldName, fieldReader, type ReadField } from "../../../domain/condition/field.ts";

/** A place in events that leaves ask about. An event is read there once, however many ask. */
export interface Field {
  readonly name: string;
  readonly read: ReadField;
  /** Leaves that ask here. */
  uses: number;
  /** What the event under way holds here; undefined until it is asked. */
  values: readonly unknown[] | undefined;
}

/** The fields of all registered conditions, each once. */
export class Fields {
  readonly #byName = new Map<string, Field>();

  take(leaf: Leaf): Field {
    const name = fieldName(leaf);
    let field = this.#byName.get(name);
    if (field === undefined) {
      field = { name, read: fieldReader(leaf), uses: 0, values: undefined };
      this.#byName.set(name, field);
    }
    field.uses += 1;
    return field;
  }

  release(field: Field): void {
    field.uses -= 1;
    if (field.uses === 0) this.#byName.delete(field.name);
  }
}
