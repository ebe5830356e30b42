import { ExactNumber } from "../../../domain/json/exact-number.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { DeliveryIdSelector, Selector } from "./scheme.ts";

/** A value of a request, with the selector that found it. */
export interface SelectedValue {
  value: string;
  selector: Selector;
}

/**
 * Returns the values that a selector finds in a request: none, one, or several in a header with a list. Empty values do
 * not count. Values of headers are byte strings, all others are text. Never throws.
 */
export function selectedValues(selector: Selector, request: InboundRequest, item?: unknown): string[] {
  if ("header" in selector) return headerValues(selector, request.header(selector.header));
  const value =
    "literal" in selector
      ? selector.literal
      : "query" in selector
        ? request.query(selector.query)
        : bodyValue(selector, request, item);
  return value === undefined || value === "" ? [] : [value];
}

/** Returns the value of the first selector that finds exactly one. */
export function firstValue(
  selectors: readonly Selector[],
  request: InboundRequest,
  item?: unknown,
): SelectedValue | undefined {
  for (const selector of selectors) {
    const [value, second] = selectedValues(selector, request, item);
    if (value !== undefined && second === undefined) return { value, selector };
  }
  return undefined;
}

/** Returns the time of the first selector that finds one, as it was written. A time may be a number with a fraction. */
export function firstMoment(
  selectors: readonly Selector[],
  request: InboundRequest,
  item?: unknown,
): string | undefined {
  for (const selector of selectors) {
    const found = firstValue([selector], request, item)?.value;
    if (found !== undefined) return found;
    const value = "body" in selector || "item" in selector ? bodyData(selector, request, item) : undefined;
    if (typeof value === "number" && Number.isFinite(value)) return String(value);
    if (value instanceof ExactNumber && Number.isFinite(value.valueOf())) return momentText(value);
  }
  return undefined;
}

/** Returns the id of the first selector that finds one. A joined id is the JSON array of its parts. */
export function firstId(
  selectors: readonly DeliveryIdSelector[],
  request: InboundRequest,
  item?: unknown,
): { value: string; selector: DeliveryIdSelector } | undefined {
  for (const selector of selectors) {
    if (!("join" in selector)) {
      const found = firstValue([selector], request, item);
      if (found !== undefined) return found;
      continue;
    }
    const parts = selector.join.map((part) => firstValue([part], request, item)?.value);
    if (parts.every((part) => part !== undefined)) return { value: JSON.stringify(parts), selector };
  }
  return undefined;
}

/** Returns the charset in which the selected value was sent. */
export function charsetOf(selector: DeliveryIdSelector): "latin1" | "utf8" {
  return "header" in selector ? "latin1" : "utf8";
}

/** Resolves a JSON pointer (RFC 6901) in the data. Only own members are found. */
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

function headerValues(selector: Extract<Selector, { header: string }>, value: string | undefined): string[] {
  const { separator, prefix = "" } = selector;
  if (value === undefined) return [];
  // The fast path of nearly all selectors: every delivery evaluates several of them.
  if (separator === undefined && prefix === "") return value === "" ? [] : [value];
  // The elements of a list may have blanks around them (RFC 9110, section 5.6.1).
  const entries = separator === undefined ? [value] : value.split(separator);
  return entries.flatMap((entry) => afterPrefix(isList(separator) ? entry.trim() : entry, prefix));
}

function isList(separator: string | undefined): boolean {
  return separator === "," || separator === ";";
}

/** Returns the value after the prefix, or nothing if there is none. */
function afterPrefix(entry: string, prefix: string): string | [] {
  if (entry.length <= prefix.length) return [];
  const start = entry.slice(0, prefix.length);
  if (start === prefix) return entry.slice(prefix.length);
  return AUTH_SCHEME.test(prefix) && start.toLowerCase() === prefix.toLowerCase()
    ? entry.slice(prefix.length)
    : [];
}

/** The name of an authentication scheme before credentials. HTTP compares it in any case (RFC 9110, section 11.1). */
const AUTH_SCHEME = /^[A-Za-z][A-Za-z0-9-]* $/;

function bodyValue(
  selector: { body: string } | { item: string },
  request: InboundRequest,
  item: unknown,
): string | undefined {
  return scalarText(bodyData(selector, request, item));
}

function bodyData(
  selector: { body: string } | { item: string },
  request: InboundRequest,
  item: unknown,
): unknown {
  if ("item" in selector) return resolvePointer(item, selector.item);
  const { parsed } = request;
  return parsed.kind === "parsed" ? resolvePointer(parsed.data, selector.body) : undefined;
}

/** Returns a time as JavaScript prints it, or as it came where that would round it. */
function momentText({ plain, text }: ExactNumber): string {
  return plain === undefined ? text : String(plain);
}

/** Returns strings and integers as text, of any size. Other values are no name, id or time. */
function scalarText(value: unknown): string | undefined {
  if (typeof value === "string") return value;
  if (value instanceof ExactNumber) {
    return INTEGER.test(value.text) ? value.text : scalarText(value.plain);
  }
  return Number.isSafeInteger(value) ? String(value) : undefined;
}

const INTEGER = /^-?[1-9]\d*$/;
