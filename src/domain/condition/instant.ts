const RFC_3339 = /^(\d{4}-\d{2}-(\d{2})[Tt]\d{2}:\d{2}:\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** Longer text is rejected, however many digits the fraction may have. */
const MAX_CHARACTERS = 128;

/**
 * Returns the milliseconds since 1970, with their fraction, of an RFC 3339 time with a zone; undefined for any other text,
 * such as a time without a zone or the 30th of February.
 */
export function instantMs(text: string): number | undefined {
  if (text.length > MAX_CHARACTERS) return undefined;
  const [, local, day, fraction = "", zone] = RFC_3339.exec(text) ?? [];
  if (local === undefined || zone === undefined) return undefined;
  const wholeMs = Date.parse(`${local}${zone}`.toUpperCase());
  // Date.parse turns the 30th of February into a day in March.
  if (Number.isNaN(wholeMs) || new Date(`${local}Z`.toUpperCase()).getUTCDate() !== Number(day))
    return undefined;
  return wholeMs + Number(`0${fraction}`) * 1_000;
}
