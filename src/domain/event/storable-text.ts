/** Longer texts are cut. */
const MAX_CHARACTERS = 16_384;

/**
 * Makes an error's text storable: PostgreSQL rejects NUL and lone surrogates, and an attempt whose outcome cannot be
 * written would be retried for ever.
 */
export function storableText(text: string): string {
  const kept = text.length > MAX_CHARACTERS ? `${text.slice(0, MAX_CHARACTERS)}…` : text;
  // Encoding to UTF-8 replaces lone surrogates.
  return Buffer.from(kept.replaceAll("\0", "\u{fffd}")).toString();
}
