import type { InboundRequest } from "./inbound-request.ts";
import type { DeliveryIdPlace, Place } from "./scheme.ts";

/** A value that a request holds, and where it stood. */
export interface PlacedValue {
  value: string;
  place: Place;
}

/**
 * The values at a place of a request: none, one, or as many as a header that is a list holds. Empty ones do not
 * count. Values of headers are byte strings, all others are text. Never throws.
 */
export function valuesAt(place: Place, request: InboundRequest, item?: unknown): string[] {
  if ("header" in place) return headerValues(place, request.header(place.header));
  const value =
    "literal" in place
      ? place.literal
      : "query" in place
        ? request.query(place.query)
        : bodyValue(place, request, item);
  return value === undefined || value === "" ? [] : [value];
}

/** The value at the first place that holds exactly one. */
export function firstValue(
  places: readonly Place[],
  request: InboundRequest,
  item?: unknown,
): PlacedValue | undefined {
  for (const place of places) {
    const [value, second] = valuesAt(place, request, item);
    if (value !== undefined && second === undefined) return { value, place };
  }
  return undefined;
}

/** The id at the first place that holds one; one that is joined is the JSON array of its parts. */
export function firstId(
  places: readonly DeliveryIdPlace[],
  request: InboundRequest,
  item?: unknown,
): { value: string; place: DeliveryIdPlace } | undefined {
  for (const place of places) {
    if (!("join" in place)) {
      const found = firstValue([place], request, item);
      if (found !== undefined) return found;
      continue;
    }
    const parts = place.join.map((part) => firstValue([part], request, item)?.value);
    if (parts.every((part) => part !== undefined)) return { value: JSON.stringify(parts), place };
  }
  return undefined;
}

/** How the characters of a value at this place became bytes on the wire. */
export function charsetOf(place: DeliveryIdPlace): "latin1" | "utf8" {
  return "header" in place ? "latin1" : "utf8";
}

/** What a JSON pointer (RFC 6901) names in the data; own members only. */
export function resolvePointer(data: unknown, pointer: string): unknown {
  if (pointer === "") return data;
  let value = data;
  for (const token of pointer.slice(1).split("/")) {
    if (typeof value !== "object" || value === null) return undefined;
    const key = token.includes("~") ? token.replaceAll("~1", "/").replaceAll("~0", "~") : token;
    if (!Object.hasOwn(value, key) || (Array.isArray(value) && key === "length")) return undefined;
    value = (value as Record<string, unknown>)[key];
  }
  return value;
}

function headerValues(place: Extract<Place, { header: string }>, value: string | undefined): string[] {
  const { separator, prefix = "" } = place;
  if (value === undefined) return [];
  // Nearly all places: those of every delivery are looked at several times.
  if (separator === undefined && prefix === "") return value === "" ? [] : [value];
  const entries = separator === undefined ? [value] : value.split(separator);
  return entries
    .filter((entry) => entry.startsWith(prefix) && entry.length > prefix.length)
    .map((entry) => entry.slice(prefix.length));
}

function bodyValue(
  place: { body: string } | { item: string },
  request: InboundRequest,
  item: unknown,
): string | undefined {
  if ("item" in place) return scalarText(resolvePointer(item, place.item));
  const { parsed } = request;
  return parsed.kind === "parsed" ? scalarText(resolvePointer(parsed.data, place.body)) : undefined;
}

/** Numbers count where they are exact; all else is no name, id or time. */
function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  return Number.isSafeInteger(value) ? String(value) : undefined;
}
