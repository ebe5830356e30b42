import { ExactNumber } from "../../domain/json/exact-number.ts";

/**
 * Returns the canonical form of an exact number: as JavaScript prints the number with its decimal value, or else its
 * digits. An integer beyond 2^53 is a string of digits, as it was before numbers kept their digits, so that stored
 * digests stay valid.
 */
export function canonicalNumber(value: ExactNumber): string {
  const { text, plain } = value;
  if (isBeyondSafe(text)) return `"${text}"`;
  return plain === undefined ? value.key : `${plain}`;
}

/**
 * Returns the name that a number gives to a record or an element: a JavaScript number, or its digits where it would be
 * rounded. Returns any other value as it is.
 */
export function nameOf(value: unknown): unknown {
  if (typeof value === "number") return isBeyondSafe(`${value}`) ? `${value}` : value;
  if (!(value instanceof ExactNumber)) return value;
  return isBeyondSafe(value.text) || value.plain === undefined ? value.text : nameOf(value.plain);
}

function isBeyondSafe(text: string): boolean {
  return INTEGER.test(text) && !Number.isSafeInteger(Number(text));
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
