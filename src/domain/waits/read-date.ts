/**
 * Reads a date as servers write it in headers, Unix ms: the three formats of HTTP (IMF-fixdate, RFC 850, asctime), each
 * also in UTC or with a numeric offset, and ISO 8601. Without a zone it is UTC. Returns undefined for anything else, and
 * for a day or a time of day that does not exist. `nowMs` decides the century of a year of two digits.
 * Sources: RFC 9110, section 5.6.7; RFC 5322, section 3.3; RFC 3339.
 */
export function readDateMs(text: string, nowMs: number): number | undefined {
  for (const format of FORMATS) {
    const groups = format.exec(text)?.groups;
    if (groups !== undefined) return instantOf(groups, nowMs);
  }
  return undefined;
}

const WEEKDAY = "(?:mon|tue|wed|thu|fri|sat|sun)[a-z]{0,6}";
const MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const MONTH = `(?<month>${MONTHS.join("|")})`;
const TIME = String.raw`(?<hour>\d\d):(?<minute>\d\d)(?::(?<second>\d\d)(?<fraction>\.\d{1,9})?)?`;
/** A name of UTC, an offset from it, or both, as in `GMT+0100`. */
const ZONE = String.raw`(?: ?(?:gmt|utc|ut|z))?(?: ?(?<sign>[+-])(?<offsetHour>\d\d):?(?<offsetMinute>\d\d)?)?`;

const FORMATS = [
  // IMF-fixdate and RFC 850: `Sun, 06 Nov 1994 08:49:37 GMT`, `Sunday, 06-Nov-94 08:49:37 GMT`.
  `(?:${WEEKDAY},? )?(?<day>\\d{1,2})[ -]${MONTH}[ -](?<year>\\d{4}|\\d\\d) ${TIME}${ZONE}`,
  // asctime, and with a zone: `Sun Nov  6 08:49:37 1994`, `Sun Nov  6 08:49:37 UTC 1994`.
  `${WEEKDAY},? ${MONTH} {1,2}(?<day>\\d{1,2}) ${TIME}${ZONE} (?<year>\\d{4})`,
  `${WEEKDAY},? ${MONTH} {1,2}(?<day>\\d{1,2}) ${TIME} (?<year>\\d{4})${ZONE}`,
  // ISO 8601, extended and basic. A day alone is its beginning.
  `(?<year>\\d{4})-(?<month>\\d\\d)-(?<day>\\d\\d)(?:[T ]${TIME}${ZONE})?`,
  `(?<year>\\d{4})(?<month>\\d\\d)(?<day>\\d\\d)T(?<hour>\\d\\d)(?<minute>\\d\\d)(?<second>\\d\\d)${ZONE}`,
].map((pattern) => new RegExp(`^${pattern}$`, "i"));

type Groups = Readonly<Record<string, string | undefined>>;

function instantOf(groups: Groups, nowMs: number): number | undefined {
  const number = (name: string) => Number(groups[name] ?? 0);
  const named = MONTHS.indexOf((groups["month"] ?? "").toLowerCase());
  const month = named === -1 ? number("month") - 1 : named;
  const year = groups["year"]?.length === 2 ? fullYear(number("year"), nowMs) : number("year");
  const [day, hour, minute, second] = [number("day"), number("hour"), number("minute"), number("second")];
  // A 60th second is a leap second.
  if (hour > 23 || minute > 59 || second > 60) return undefined;
  const date = new Date(0);
  // Unlike Date.UTC, it takes a year below 100 as it is.
  date.setUTCFullYear(year, month, day);
  if (date.getUTCMonth() !== month || date.getUTCDate() !== day) return undefined;
  const [offsetHour, offsetMinute] = [number("offsetHour"), number("offsetMinute")];
  if (offsetHour > 23 || offsetMinute > 59) return undefined;
  const offsetS = (groups["sign"] === "-" ? -1 : 1) * (offsetHour * 3_600 + offsetMinute * 60);
  const fractionMs = Math.floor(number("fraction") * 1_000);
  return date.getTime() + (hour * 3_600 + minute * 60 + second - offsetS) * 1_000 + fractionMs;
}

/** Two digits that would be more than 50 years ahead mean the past. */
function fullYear(twoDigits: number, nowMs: number): number {
  const thisYear = new Date(nowMs).getUTCFullYear();
  const year = Math.floor(thisYear / 100) * 100 + twoDigits;
  if (year > thisYear + 50) return year - 100;
  return year < thisYear - 50 ? year + 100 : year;
}
