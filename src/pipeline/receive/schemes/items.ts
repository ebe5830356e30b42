import { HeadraceError } from "../../../domain/errors.ts";
import type { ParsedBody } from "../../../domain/event/body.ts";
import { ExactNumber } from "../../../domain/json/exact-number.ts";
import type { InboundRequest } from "./inbound-request.ts";
import { sizeUpTo, withOnly, without } from "./item-copies.ts";
import type { Scheme } from "./scheme.ts";
import { resolvePointer } from "./selector.ts";

/**
 * Returns the data of each event of a batch. Undefined if the scheme has no batches, or if the body has no array at
 * their pointers. Each inner thing of an item is an event, with a copy of the item that holds only this thing. An event
 * that is an object has the members beside the list too, unless it has its own of that name. Call `checkItemCount`
 * first.
 */
export function itemsOf(scheme: Scheme, { parsed }: InboundRequest): unknown[] | undefined {
  const batch = batchOf(scheme, parsed);
  if (batch === undefined) return undefined;
  // Endpoints of one connector have equal pointers. The texts of items are kept by the identity of the item.
  const shape = JSON.stringify([scheme.items, scheme.nested, scheme.beside]);
  const known = ITEMS.get(parsed) ?? new Map<string, unknown[]>();
  const items = known.get(shape) ?? readItems(scheme, batch);
  ITEMS.set(parsed, known.set(shape, items));
  return items;
}

const ITEMS = new WeakMap<ParsedBody, Map<string, unknown[]>>();

/** Returns the items of a batch as they stand in the body. Undefined as for `itemsOf`. */
export function outerItems(scheme: Scheme, { parsed }: InboundRequest): unknown[] | undefined {
  return batchOf(scheme, parsed)?.list;
}

/** Events per batch. SendGrid's batches, the largest known, end at 768 KiB, with at least 200 bytes per item. */
const MAX_ITEMS = 5_000;

/** Bytes that a batch may gain by repeating what its things share, so that no small body becomes gigabytes. */
const MAX_REPEATED_BYTES = 8_388_608;

/** Throws `payload_too_large` for a batch with more events, or larger ones, than one transaction takes. */
export function checkItemCount(scheme: Scheme, request: InboundRequest): void {
  const batch = batchOf(scheme, request.parsed);
  if (batch === undefined) return;
  const { nested = [] } = scheme;
  let events = 0;
  let repeatedBytes = 0;
  for (const item of batch.list) {
    const thing = weigh(item, nested);
    events += thing.events;
    repeatedBytes += thing.repeatedBytes;
  }
  if (events > MAX_ITEMS) {
    throw new HeadraceError("payload_too_large", `The delivery has more than ${MAX_ITEMS} items`);
  }
  if (repeatedBytes > MAX_REPEATED_BYTES) {
    throw new HeadraceError(
      "payload_too_large",
      `The items of the delivery share more than ${MAX_REPEATED_BYTES} bytes, which each of their events would repeat`,
    );
  }
}

/** A list of items, with the objects that lead to it, the nearest first. */
interface Batch {
  list: unknown[];
  /** The name of the next member on the way to the list is left out of each. */
  above: { members: object; way: string }[];
}

function batchOf(scheme: Scheme, parsed: ParsedBody): Batch | undefined {
  if (scheme.items === undefined || parsed.kind !== "parsed") return undefined;
  for (const pointer of scheme.items) {
    const list = resolvePointer(parsed.data, pointer);
    if (Array.isArray(list)) return { list, above: pathTo(parsed.data, pointer) };
  }
  return undefined;
}

function pathTo(data: unknown, pointer: string): Batch["above"] {
  const above: Batch["above"] = [];
  let members = data;
  for (const way of tokensOf(pointer)) {
    above.unshift({ members: members as object, way });
    members = (members as Record<string, unknown>)[way];
  }
  return above;
}

function readItems(scheme: Scheme, batch: Batch): unknown[] {
  const { nested = [] } = scheme;
  const things = nested.length === 0 ? batch.list : batch.list.flatMap((item) => thingsIn(item, nested));
  const shared = sharedMembers(scheme, batch);
  const names = Object.keys(shared);
  if (names.length === 0 || repeated(shared, things.length) > MAX_REPEATED_BYTES) return things;
  return things.map((thing) => (isObject(thing) ? { ...shared, ...thing } : thing));
}

/** Returns the members beside the list. Members with a signature or a token are left out, as they are of headers. */
function sharedMembers(scheme: Scheme, { above }: Batch): Record<string, unknown> {
  const shared: Record<string, unknown> = {};
  const secrets = [...(scheme.signature?.from ?? []), ...(scheme.tokens ?? [])];
  const pointers = secrets.flatMap((selector) => ("body" in selector ? selector.body : []));
  let path = above.map(({ way }) => way).reverse();
  for (const { members, way } of above) {
    path = path.slice(0, -1);
    if (Array.isArray(members)) continue;
    for (const [name, value] of Object.entries(members)) {
      if (name === way || Object.hasOwn(shared, name)) continue;
      if (scheme.beside !== undefined && !scheme.beside.includes(name)) continue;
      const holdsSecret = pointers.some((pointer) => startsWith(tokensOf(pointer), [...path, name]));
      if (!holdsSecret) shared[name] = value;
    }
  }
  return shared;
}

function startsWith(tokens: readonly string[], start: readonly string[]): boolean {
  return tokens.length >= start.length && start.every((token, index) => tokens[index] === token);
}

/** Returns a copy of the thing for each innermost thing in it, or the thing itself if it has no list. */
function thingsIn(thing: unknown, levels: NonNullable<Scheme["nested"]>): unknown[] {
  const [pointers = [], ...inner] = levels;
  const lists = listsIn(thing, pointers);
  return lists.length === 0
    ? [thing]
    : lists.flatMap(({ path, list }) => {
        const others = lists.filter((other) => other.path !== path);
        const bare = others.reduce((rest, other) => without(rest, other.path), thing);
        return list
          .flatMap((element) => thingsIn(element, inner))
          .map((element) => withOnly(bare, path, element));
      });
}

/** Counts the innermost things in a thing, and the bytes that their copies have more than the thing. */
function weigh(
  thing: unknown,
  levels: NonNullable<Scheme["nested"]>,
): { events: number; repeatedBytes: number } {
  const [pointers = [], ...inner] = levels;
  const lists = listsIn(thing, pointers);
  if (lists.length === 0) return { events: 1, repeatedBytes: 0 };
  let events = 0;
  let repeatedBytes = 0;
  for (const element of lists.flatMap(({ list }) => list)) {
    const one = weigh(element, inner);
    events += one.events;
    repeatedBytes += one.repeatedBytes;
  }
  const left = new Set<unknown>(lists.map(({ list }) => list));
  return { events, repeatedBytes: repeatedBytes + repeated(thing, events, left) };
}

/** Returns the bytes of the copies of a value, without the lists that are `left` out: exact up to the limit. */
function repeated(value: unknown, copies: number, left: ReadonlySet<unknown> = new Set()): number {
  if (copies < 2) return 0;
  return (copies - 1) * sizeUpTo(value, Math.ceil(MAX_REPEATED_BYTES / (copies - 1)) + 1, left);
}

function listsIn(thing: unknown, pointers: readonly string[]): { path: string[]; list: unknown[] }[] {
  return pointers.flatMap((pointer) => {
    const list = resolvePointer(thing, pointer);
    return Array.isArray(list) && list.length > 0 ? [{ path: tokensOf(pointer), list }] : [];
  });
}

function tokensOf(pointer: string): string[] {
  const tokens = pointer === "" ? [] : pointer.slice(1).split("/");
  return tokens.map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

function isObject(value: unknown): value is object {
  const isMembers = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMembers && !(value instanceof ExactNumber);
}
