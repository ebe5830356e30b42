const RFC_3339 = /^(\d{4}-\d{2}-(\d{2})[Tt]\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Longer text is no time, whatever digits its fraction has. */
const MAX_CHARACTERS = 128;

/**
 * Milliseconds since 1970 of an RFC 3339 time with a zone, fractions of them included; undefined for anything else,
 * such as a time without a zone or a day that its month does not have.
 */
export function instantMs(text: string): number | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const [, local, day, fraction = "", zone] = RFC_3339.exec(text) ?? [];
  if (local === undefined || zone === undefined) return undefined;
  const wholeMs = Date.parse(`${local}${zone}`.toUpperCase());
  // Date.parse carries the 30th of February over into March.
  if (Number.isNaN(wholeMs) || new Date(`${local}Z`.toUpperCase()).getUTCDate() !== Number(day))
    return undefined;
  return wholeMs + Number(`0${fraction}`) * 1_000;
}
