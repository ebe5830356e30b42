import { SliceBudget, type Slices } from "../slices.ts";
import { ExactNumber } from "./exact-number.ts";

/** Characters of a string written at a time. */
const PIECE_CHARACTERS = 65_536;

/** Does the work of `writeJson`, for parsed JSON, in slices. */
export function* stringifySlices(value: unknown): Slices<string> {
  const writer = new JsonWriter();
  yield* writer.write(value);
  return writer.end();
}

class JsonWriter {
  readonly #budget = new SliceBudget();
  readonly #pieces: string[] = [];
  #piece = "";

  *write(value: unknown): Slices<void> {
    if (typeof value === "string") yield* this.#string(value);
    else if (typeof value !== "object" || value === null) this.#put(JSON.stringify(value) ?? "null");
    else if (value instanceof ExactNumber) this.#put(value.text);
    else if (Array.isArray(value)) {
      this.#put("[");
      for (let at = 0; at < value.length; at += 1) {
        if (at > 0) this.#put(",");
        if (isShort(value[at])) this.#put(JSON.stringify(value[at]));
        else yield* this.write(value[at]);
        if (this.#budget.spend(8)) yield;
      }
      this.#put("]");
    } else {
      this.#put("{");
      let isFirst = true;
      for (const name of Object.keys(value)) {
        const member = (value as Record<string, unknown>)[name];
        if (!isFirst) this.#put(",");
        isFirst = false;
        yield* this.#string(name);
        this.#put(":");
        if (isShort(member)) this.#put(JSON.stringify(member));
        else yield* this.write(member);
        if (this.#budget.spend(8)) yield;
      }
      this.#put("}");
    }
  }

  end(): string {
    this.#pieces.push(this.#piece);
    return this.#pieces.join("");
  }

  *#string(text: string): Slices<void> {
    if (text.length <= PIECE_CHARACTERS) {
      this.#put(JSON.stringify(text));
      if (this.#budget.spend(text.length)) yield;
      return;
    }
    this.#put('"');
    for (let from = 0; from < text.length; ) {
      const last = text.charCodeAt(from + PIECE_CHARACTERS - 1);
      const to = from + (last >= 0xd800 && last <= 0xdbff ? PIECE_CHARACTERS - 1 : PIECE_CHARACTERS);
      this.#put(JSON.stringify(text.slice(from, to)).slice(1, -1));
      if (this.#budget.spend(PIECE_CHARACTERS)) yield;
      from = to;
    }
    this.#put('"');
  }

  #put(text: string): void {
    this.#piece += text;
    if (this.#piece.length < PIECE_CHARACTERS) return;
    this.#pieces.push(this.#piece);
    this.#piece = "";
  }
}

function isShort(value: unknown): boolean {
  return (
    typeof value === "number" ||
    typeof value === "boolean" ||
    (typeof value === "string" && value.length < 256)
  );
}
