/** The value of a JSON number: 0.DIGITS × 10^exponent, never expanded, so that no exponent costs memory or time. */
export interface Decimal {
  isNegative: boolean;
  /** The significant digits, without zeros at either end; "" for zero. */
  digits: string;
  /** Exact up to 15 digits; a longer one is as good as infinite. */
  exponent: number;
}

/** Reads a JSON number. The time is proportional to its length. */
export function decimalOf(text: string): Decimal {
  const isNegative = text.startsWith("-");
  const mark = text.search(/[eE]/);
  const end = mark === -1 ? text.length : mark;
  const point = text.indexOf(".");
  const whole = text.slice(isNegative ? 1 : 0, point === -1 ? end : point);
  const all = point === -1 ? whole : whole + text.slice(point + 1, end);
  let from = 0;
  while (all[from] === "0") from += 1;
  let to = all.length;
  while (to > from && all[to - 1] === "0") to -= 1;
  if (from === to) return ZERO;
  const exponent = mark === -1 ? 0 : Number(text.slice(mark + 1));
  return { isNegative, digits: all.slice(from, to), exponent: exponent + whole.length - from };
}

const ZERO: Decimal = { isNegative: false, digits: "", exponent: 0 };

/** Returns a negative number if the left value is less, a positive one if it is greater, and 0 if both are equal. */
export function compareDecimals(left: Decimal, right: Decimal): number {
  const [leftSign, rightSign] = [signOf(left), signOf(right)];
  if (leftSign !== rightSign) return leftSign - rightSign;
  if (left.exponent !== right.exponent) return left.exponent < right.exponent ? -leftSign : leftSign;
  if (left.digits === right.digits) return 0;
  return left.digits < right.digits ? -leftSign : leftSign;
}

function signOf({ digits, isNegative }: Decimal): number {
  return digits === "" ? 0 : isNegative ? -1 : 1;
}
