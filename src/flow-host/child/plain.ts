import { inspect, types } from "node:util";

/** Bounds of a plain copy: characters in all, values, and levels. */
interface Budget {
  characters: number;
  values: number;
}

const MAX_VALUES = 1_000;
const MAX_DEPTH = 8;
/** Characters of a map or a set. */
const MAX_OTHER = 500;
const UNREADABLE = "a value that cannot be shown";

/** Returns whether a value is an array or an object without a class, and no proxy. Never throws. */
export function isPlain(value: unknown): value is object {
  if (typeof value !== "object" || value === null || types.isProxy(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === null || prototype === Object.prototype || Array.isArray(value);
}

/**
 * Copies any value to one that JSON can hold, within about `maxCharacters`, as JSON would: dates and values with `toJSON`
 * become its result. Unlike JSON it takes circles, big integers and errors, and parts that throw are named in their
 * place. Never throws.
 */
export function plainCopy(value: unknown, maxCharacters: number): unknown {
  return copy(value, { characters: maxCharacters, values: MAX_VALUES }, []);
}

function copy(value: unknown, budget: Budget, above: readonly object[]): unknown {
  budget.values -= 1;
  if (typeof value === "string") return cut(value, budget);
  if (typeof value === "bigint") return cut(String(value), budget);
  if (typeof value === "symbol") return cut(String(value), budget);
  if (typeof value === "number") return Number.isFinite(value) ? value : String(value);
  if (typeof value !== "object" || value === null) return typeof value === "function" ? "[Function]" : value;
  if (above.includes(value)) return "[Circular]";
  if (above.length >= MAX_DEPTH) return "[Object]";
  try {
    return copyObject(value, budget, [...above, value]);
  } catch {
    return UNREADABLE;
  }
}

function copyObject(value: object, budget: Budget, within: readonly object[]): unknown {
  if (types.isNativeError(value)) {
    return copyMembers(value, ["name", "message", "stack", ...Object.keys(value)], budget, within);
  }
  if (!isPlain(value)) {
    const { toJSON } = value as { toJSON?: unknown };
    if (typeof toJSON === "function") return copy(toJSON.call(value), budget, within);
    if (types.isMap(value) || types.isSet(value)) return cut(inspectText(value).slice(0, MAX_OTHER), budget);
  }
  if (!Array.isArray(value)) return copyMembers(value, Object.keys(value), budget, within);
  const items: unknown[] = [];
  for (let at = 0; at < value.length && hasRoom(budget); at += 1) {
    budget.characters -= 3;
    items.push(member(value, String(at), budget, within) ?? null);
  }
  if (items.length < value.length) items.push("…");
  return items;
}

function copyMembers(
  value: object,
  names: readonly string[],
  budget: Budget,
  within: readonly object[],
): object {
  const members: [string, unknown][] = [];
  for (const name of names) {
    if (!hasRoom(budget)) {
      members.push(["…", "…"]);
      break;
    }
    budget.characters -= 6;
    members.push([cut(name, budget), member(value, name, budget, within)]);
  }
  return Object.fromEntries(members);
}

function member(of: object, name: string, budget: Budget, within: readonly object[]): unknown {
  let value: unknown;
  try {
    value = (of as Record<string, unknown>)[name];
  } catch {
    return UNREADABLE;
  }
  return copy(value, budget, within);
}

function hasRoom({ characters, values }: Budget): boolean {
  return characters > 0 && values > 0;
}

function cut(text: string, budget: Budget): string {
  const kept = text.length > budget.characters ? `${text.slice(0, Math.max(budget.characters, 0))}…` : text;
  budget.characters -= kept.length;
  return kept;
}

/** Calls neither getters nor a custom inspect function, and looks through proxies. */
export function inspectText(value: unknown): string {
  try {
    return inspect(value, { depth: 2, customInspect: false, maxStringLength: 1_000, breakLength: 1_000 });
  } catch {
    return UNREADABLE;
  }
}
