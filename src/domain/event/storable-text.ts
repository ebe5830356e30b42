/** What is kept of one text of an error, characters. */
const MAX_LENGTH = 16_384;

/**
 * A text of an error as PostgreSQL can keep it, whoever wrote it: it takes no NUL and no half of a surrogate pair, and
 * an attempt whose end cannot be written would be made again for ever.
 */
export function storableText(text: string): string {
  const kept = text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}…` : text;
  // By way of the bytes, in which half a pair has no place.
  return Buffer.from(kept.replaceAll("\0", "\u{fffd}")).toString();
}
