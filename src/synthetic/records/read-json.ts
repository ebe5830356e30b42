/**
 * JSON as `JSON.parse` reads it, except that integers which a double cannot hold become strings of their digits: two
 * ids beyond 2^53 stay two. Throws a `SyntaxError` as it does.
 */
export function readJson(text: string): unknown {
  // Few answers hold a number of so many digits: a search is all that they cost.
  return MAYBE_UNSAFE.test(text) ? JSON.parse(text.replace(STRING_OR_INTEGER, exactly)) : JSON.parse(text);
}

const MAYBE_UNSAFE = /(?<![\d.eE+"])-?\d{16,}(?![\d.eE"])/;

/** Strings are matched only so that what looks like a number within them is passed over. */
const STRING_OR_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

function exactly(token: string): string {
  const unsafe = INTEGER.test(token) && !Number.isSafeInteger(Number(token));
  return unsafe ? `"${token}"` : token;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
