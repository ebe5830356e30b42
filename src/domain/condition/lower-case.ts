import type { SliceBudget, Slices } from "../slices.ts";

const PIECE = 65_536;

/** `toLowerCase` of a long text, in pieces, each of which reads the same alone as where it stands. */
export function* lowerCaseSlices(text: string, budget: SliceBudget): Slices<string> {
  const pieces: string[] = [];
  // The one letter whose lower case depends on its neighbours, at the end of a word.
  const hasSigma = text.includes("Σ");
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE);
    if (to < text.length) {
      if (hasSigma) to = wordEnd(text, from, to);
      else if (isHighSurrogate(text.charCodeAt(to - 1))) to -= 1;
    }
    pieces.push(text.slice(from, to).toLowerCase());
    if (budget.spend(to - from)) yield;
    from = to;
  }
  return pieces.join("");
}

/** The last place at or before `to` behind a character that ends every word; `to` in a text that has none. */
function wordEnd(text: string, from: number, to: number): number {
  for (let at = to; at > from; at -= 1) if (ENDS_WORD.test(text.charAt(at - 1))) return at;
  return isHighSurrogate(text.charCodeAt(to - 1)) ? to - 1 : to;
}

/** Neither a letter nor one of the marks that words may hold. */
const ENDS_WORD = /[\s\d"!#%&()*+,/;<=>?@[\]{|}~-]/;

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
