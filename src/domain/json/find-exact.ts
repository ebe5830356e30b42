/** A number in a JSON text, from its first character to the index behind its last. */
export interface NumberAt {
  from: number;
  to: number;
}

/** A double keeps this many decimal digits of any number. */
const SAFE_DIGITS = 15;

/** How far a text was scanned, outside of strings. */
export interface Scan {
  at: number;
  /** Objects and arrays that are open. */
  depth: number;
  readonly maxDepth: number;
  isTooDeep: boolean;
}

/**
 * Finds the next number that JavaScript would print with other digits, and moves the scan behind it. Ends early, without
 * one, at an object or array that is nested too deep. The text is not checked; behind a flaw the result means nothing.
 * Strings are skipped, and nearly all numbers need only their digits counted.
 */
export function nextExact(json: string, scan: Scan): NumberAt | undefined {
  let { at, depth } = scan;
  for (; at < json.length; at += 1) {
    const code = json.charCodeAt(at);
    if (code === QUOTE) {
      at = endOfString(json, at);
      continue;
    }
    if (code > NINE) {
      // Brackets and braces differ in one bit.
      const bracket = code | 0x20;
      if (bracket === OPEN) {
        depth += 1;
        if (depth > scan.maxDepth) {
          scan.isTooDeep = true;
          return undefined;
        }
      } else if (bracket === CLOSE) depth -= 1;
      continue;
    }
    if (code < ZERO && code !== MINUS) continue;
    const from = at;
    if (code === MINUS) at += 1;
    const first = json.charCodeAt(at);
    const whole = at;
    at = endOfDigits(json, at);
    let isSafe = code !== MINUS || first !== ZERO;
    let digits = at - whole;
    let behind = json.charCodeAt(at);
    if (behind === POINT) {
      const point = at;
      at = endOfDigits(json, at + 1);
      digits += at - point - 1;
      isSafe &&= json.charCodeAt(at - 1) !== ZERO && (first !== ZERO || digits <= SMALL_DIGITS);
      behind = json.charCodeAt(at);
    }
    if (behind === LOWER_E || behind === UPPER_E) {
      at += 1;
      const sign = json.charCodeAt(at);
      if (sign === PLUS || sign === MINUS) at += 1;
      at = endOfDigits(json, at);
      isSafe = false;
    }
    isSafe &&= digits <= SAFE_DIGITS;
    if (!isSafe && !printsAlike(json, from, at)) {
      scan.at = at;
      scan.depth = depth;
      return { from, to: at };
    }
    at -= 1;
  }
  return undefined;
}

/** A number below 1 with so few digits is at least 0.000001: JavaScript prints a lower one with an exponent. */
const SMALL_DIGITS = 7;

function endOfDigits(json: string, from: number): number {
  let at = from;
  for (let code = json.charCodeAt(at); code >= ZERO && code <= NINE; code = json.charCodeAt(at)) at += 1;
  return at;
}

function printsAlike(json: string, from: number, to: number): boolean {
  const text = json.slice(from, to);
  // A text that is no number is left to the parser, which refuses it.
  return !NUMBER.test(text) || (text.length <= MAX_PRINTED && `${Number(text)}` === text);
}

const NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;

/** JavaScript prints no number with more characters: `-0.0000012345678901234567`. */
const MAX_PRINTED = 25;

/** Returns the index of the quote that ends the string at `start`, or the end of the text. */
function endOfString(json: string, start: number): number {
  let end = start;
  do {
    end = json.indexOf('"', end + 1);
    if (end === -1) return json.length;
  } while (isEscaped(json, end));
  return end;
}

function isEscaped(json: string, index: number): boolean {
  let before = index - 1;
  while (json.charCodeAt(before) === BACKSLASH) before -= 1;
  return (index - before) % 2 === 0;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const ZERO = 0x30;
const NINE = 0x39;
const MINUS = 0x2d;
const PLUS = 0x2b;
const POINT = 0x2e;
const LOWER_E = 0x65;
const UPPER_E = 0x45;
const OPEN = 0x7b;
const CLOSE = 0x7d;
