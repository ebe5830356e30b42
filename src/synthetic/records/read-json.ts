/**
 * Parses JSON like `JSON.parse`, but reads integers beyond 2^53 as strings of digits, so that two large ids stay
 * different. Throws a `SyntaxError`.
 */
export function readJson(text: string): unknown {
  // Few responses contain such long numbers, so most cost only the search.
  return MAYBE_UNSAFE.test(text) ? JSON.parse(text.replace(STRING_OR_INTEGER, exactly)) : JSON.parse(text);
}

const MAYBE_UNSAFE = /(?<![\d.eE+"])-?\d{16,}(?![\d.eE"])/;

/** Matches strings too, so that numbers within them are skipped. */
const STRING_OR_INTEGER = /"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/gs;

function exactly(token: string): string {
  const unsafe = INTEGER.test(token) && !Number.isSafeInteger(Number(token));
  return unsafe ? `"${token}"` : token;
}

const INTEGER = /^-?(?:0|[1-9]\d*)$/;
