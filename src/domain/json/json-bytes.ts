/**
 * Returns the index of the quote that ends a string; undefined if there is none before `until`. The search starts at `from`,
 * which must lie within the string, between two of its characters.
 */
export function endOfString(bytes: Buffer, from: number, until: number): number | undefined {
  let at = from;
  while (at < until) {
    const byte = bytes[at];
    if (byte === QUOTE) return at;
    at += byte === BACKSLASH ? escapeLength(bytes, at) : 1;
  }
  return undefined;
}

/** Returns the last index, at most `until`, at which a piece of a string that begins at `from` can end. */
export function endOfPiece(bytes: Buffer, from: number, until: number): number {
  let at = from;
  let next = from;
  while (next <= until) {
    at = next;
    next += bytes[at] === BACKSLASH ? escapeLength(bytes, at) : 1;
  }
  while (at > from && ((bytes[at] as number) & 0xc0) === 0x80) at -= 1;
  return at;
}

/** A malformed escape may get a wrong length, but the parser rejects it anyway. */
function escapeLength(bytes: Buffer, at: number): number {
  return bytes[at + 1] === LOWER_U ? 6 : 2;
}

export function isSpace(byte: number | undefined): boolean {
  return byte === 0x20 || byte === 0x0a || byte === 0x0d || byte === 0x09;
}

export function isDelimiter(byte: number): boolean {
  return byte === COMMA || byte === CLOSE_ARRAY || byte === CLOSE_OBJECT || isSpace(byte);
}

export const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LOWER_U = 0x75;
export const COMMA = 0x2c;
export const COLON = 0x3a;
export const OPEN_ARRAY = 0x5b;
export const CLOSE_ARRAY = 0x5d;
export const OPEN_OBJECT = 0x7b;
export const CLOSE_OBJECT = 0x7d;
