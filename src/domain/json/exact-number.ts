import { randomUUID } from "node:crypto";
import { compareDecimals, type Decimal, decimalOf } from "./decimal.ts";

/**
 * A number of a JSON text that JavaScript would print with other digits, such as `1234567890123456789`, `0.1000` or `1E2`.
 * All other numbers are JavaScript numbers. `writeJson` writes it as it came; `JSON.stringify` as JavaScript prints it.
 */
export class ExactNumber {
  /** Private, so that code which looks for members finds none. */
  readonly #text: string;
  #decimal: Decimal | undefined;
  /** Null until it is computed. */
  #plain: number | undefined | null = null;

  constructor(text: string) {
    this.#text = text;
  }

  /** The digits as they came. */
  get text(): string {
    return this.#text;
  }

  /** The JavaScript number with exactly this decimal value, as `0.1` for `0.1000`; undefined if there is none. */
  get plain(): number | undefined {
    if (this.#plain === null) {
      const nearest = Number(this.#text);
      const isEqual =
        Number.isFinite(nearest) && compareDecimals(this.decimal, decimalOf(`${nearest}`)) === 0;
      // A zero has no sign.
      this.#plain = isEqual ? nearest + 0 : undefined;
    }
    return this.#plain;
  }

  /** Its decimal value. */
  get decimal(): Decimal {
    this.#decimal ??= decimalOf(this.#text);
    return this.#decimal;
  }

  /** A text that numbers of equal value share: the digits and the exponent, or the digits as they came if that is too long. */
  get key(): string {
    const { isNegative, digits, exponent } = this.decimal;
    return Number.isSafeInteger(exponent) ? `${isNegative ? "-" : ""}0.${digits}e${exponent}` : this.#text;
  }

  /** The nearest JavaScript number, which may be infinite. */
  valueOf(): number {
    return Number(this.#text);
  }

  toString(): string {
    return this.#text;
  }

  toJSON(): unknown {
    met = true;
    if (marked === undefined) return Number(this.#text);
    marked.texts.push(this.#text);
    return marked.mark;
  }
}

/** Whether a number was written since the last check, and the texts for the marks of the second way. */
let met = false;
let marked: { mark: string; texts: string[] } | undefined;

/**
 * Does the work of `JSON.stringify`, with the exact digits of every number. Values without exact numbers cost nothing
 * more.
 */
export function writeJson(value: unknown, indent?: number): string {
  return withExactNumbers(() => JSON.stringify(value, null, indent));
}

/**
 * Returns the JSON text that `write` makes with `JSON.stringify`, with the exact digits of every number in it. If there
 * are such numbers, `write` is called twice.
 */
export function withExactNumbers(write: () => string): string {
  met = false;
  const text = write();
  if (!met) return text;
  // Chosen after the values arrived, so no value holds it.
  const mark = randomUUID();
  const texts: string[] = [];
  marked = { mark, texts };
  try {
    const pieces = write().split(`"${mark}"`);
    return pieces
      .map((piece, index) => (index === 0 ? piece : (texts[index - 1] as string) + piece))
      .join("");
  } finally {
    marked = undefined;
  }
}

/** Compares two numbers by their decimal values, as `compareDecimals`. */
export function compareNumbers(left: number | ExactNumber, right: number | ExactNumber): number {
  if (typeof left === "number" && (typeof right === "number" || !Number.isFinite(left)))
    return left - Number(right);
  if (typeof right === "number" && !Number.isFinite(right)) return -right;
  return compareDecimals(decimalOfNumber(left), decimalOfNumber(right));
}

function decimalOfNumber(value: number | ExactNumber): Decimal {
  return typeof value === "number" ? decimalOf(`${value}`) : value.decimal;
}

/** Returns the number that a JSON number stands for: a JavaScript number if one has its value, else an exact one. */
export function numberOf(text: string): number | ExactNumber {
  const exact = new ExactNumber(text);
  return exact.plain ?? exact;
}

/** Returns a copy of parsed JSON in which every exact number is the nearest JavaScript number. */
export function withPlainNumbers(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}
