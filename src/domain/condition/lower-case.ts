import type { SliceBudget, Slices } from "../slices.ts";

const PIECE_CHARACTERS = 65_536;

/** Lower-cases a long text in pieces. The result equals `text.toLowerCase()`. */
export function* lowerCaseSlices(text: string, budget: SliceBudget): Slices<string> {
  const pieces: string[] = [];
  // The only letter whose lower case depends on its neighbours: at the end of a word it differs.
  const hasSigma = text.includes("Σ");
  for (let from = 0; from < text.length; ) {
    let to = Math.min(text.length, from + PIECE_CHARACTERS);
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

/** Returns the last index, at most `to`, that follows the end of a word; `to` if there is none. */
function wordEnd(text: string, from: number, to: number): number {
  for (let at = to; at > from; at -= 1) if (ENDS_WORD.test(text.charAt(at - 1))) return at;
  return isHighSurrogate(text.charCodeAt(to - 1)) ? to - 1 : to;
}

/** Characters that are certainly not part of a word. */
const ENDS_WORD = /[\s\d"!#%&()*+,/;<=>?@[\]{|}~-]/;

function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}
