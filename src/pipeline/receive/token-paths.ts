import { MAX_FIELDS } from "../../domain/event/body.ts";
import { guessMultipart } from "../../domain/event/multipart.ts";
import { type Cut, EVERY, findValues, type ValuePath, withoutCuts } from "../../domain/json/cut-values.ts";
import { SliceBudget, type Slices } from "../../domain/slices.ts";
import type { Scheme, Selector } from "./schemes/scheme.ts";

/** The paths in the deliveries of a scheme whose values are secrets, tokens or signatures. */
export interface TokenPaths {
  /** Names of headers, in lower case. */
  headers: readonly string[];
  /** Paths in a body that is stored whole. */
  body: readonly ValuePath[];
  /** Paths in an item that is stored alone, or with the members that stand beside the list. */
  item: readonly ValuePath[];
}

const PATHS = new WeakMap<Scheme, TokenPaths>();

/**
 * Returns the paths that a scheme reads as a secret, token or signature: the signatures themselves, those in `tokens`,
 * and the proofs and captured secrets of handshakes. Their values are left out of what is stored.
 */
export function tokenPaths(scheme: Scheme): TokenPaths {
  let paths = PATHS.get(scheme);
  if (paths === undefined) {
    paths = readTokenPaths(scheme);
    PATHS.set(scheme, paths);
  }
  return paths;
}

/** Lists the selectors of the values that are left out. */
export function tokenSelectors({ signature, tokens = [], challenges }: Scheme): Selector[] {
  const ofHandshakes = challenges.flatMap(({ capture, proof }) => [
    ...(capture === undefined ? [] : [capture.from]),
    ...(typeof proof === "object" ? [proof.token] : []),
  ]);
  return [...(signature?.from ?? []), ...tokens, ...ofHandshakes];
}

function readTokenPaths(scheme: Scheme): TokenPaths {
  const selectors = tokenSelectors(scheme);
  const item = selectors.flatMap((selector) => ("item" in selector ? [pathOf(selector.item)] : []));
  const inItems = (scheme.items ?? []).flatMap((pointer) =>
    item.map((path): ValuePath => [...pathOf(pointer), EVERY, ...path]),
  );
  const body = selectors.flatMap((selector) => ("body" in selector ? [pathOf(selector.body)] : []));
  return {
    headers: selectors.flatMap((selector) => ("header" in selector ? selector.header.toLowerCase() : [])),
    // A body whose items cannot be read is stored whole.
    body: [...body, ...inItems],
    item: [...item, ...body.filter((path) => path.length > 0)],
  };
}

function pathOf(pointer: string): ValuePath {
  if (pointer === "") return [];
  return pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
}

/**
 * Returns the bytes without the values at the paths, in slices; all other bytes stay as they came. The bytes are read as
 * JSON and as a form of either kind, whatever the content type claims: no signature covers it. The JSON in the fields
 * of a form is read too.
 */
export function* withoutTokens(bytes: Buffer, paths: readonly ValuePath[]): Slices<Buffer> {
  if (paths.length === 0 || bytes.length === 0) return bytes;
  for (const find of [findValues, findParts, findFields]) {
    const cuts = yield* find(bytes, paths);
    if (cuts.length > 0) return withoutCuts(bytes, cuts);
  }
  return bytes;
}

/** Finds the values in the parts of a multipart form. The part stays, and is empty. */
function* findParts(bytes: Buffer, paths: readonly ValuePath[]): Slices<Cut[]> {
  const read = yield* guessMultipart(bytes, { maxParts: MAX_FIELDS });
  if (read.kind === "unreadable") return [];
  const cuts: Cut[] = [];
  for (const { name, from, to } of read.parts) {
    if (from === to) continue;
    const below = paths.filter(([first]) => first === name).map((path) => path.slice(1));
    if (below.some((path) => path.length === 0 || isIndex(path))) cuts.push({ from, to, leavesNull: false });
    else {
      const inPart = yield* findValues(bytes.subarray(from, to), name === "payload" ? paths : below);
      cuts.push(...inPart.map((cut) => ({ ...cut, from: cut.from + from, to: cut.to + from })));
    }
  }
  return cuts;
}

function isIndex(path: ValuePath): boolean {
  return path.length === 1 && /^\d+$/.test(String(path[0]));
}

function* findFields(bytes: Buffer, paths: readonly ValuePath[]): Slices<Cut[]> {
  const names = new Set(paths.filter((path) => path.length === 1 || isIndexed(path)).map(([name]) => name));
  const budget = new SliceBudget();
  const cuts: Cut[] = [];
  // The ampersand behind the last field that stays: it goes if no other field follows.
  let separator: number | undefined;
  for (let from = 0; from < bytes.length; ) {
    const ampersand = bytes.indexOf(AMPERSAND, from);
    const to = ampersand === -1 ? bytes.length : ampersand;
    const equals = bytes.subarray(from, to).indexOf(EQUALS);
    const nameEnd = equals === -1 ? to : from + equals;
    const name = nameEnd - from <= MAX_NAME_BYTES ? decodeName(bytes, from, nameEnd) : undefined;
    if (name !== undefined && names.has(name)) {
      const isLast = ampersand === -1;
      const start = isLast ? (separator ?? from) : from;
      cuts.push({ from: start, to: isLast ? to : to + 1, leavesNull: false });
    } else {
      separator = to;
      if (name === "payload") {
        const inField = yield* findInField(bytes, Math.min(nameEnd + 1, to), to, paths);
        cuts.push(...inField);
      }
    }
    if (budget.spend(to - from + 1)) yield;
    from = to + 1;
  }
  return cuts;
}

/** Finds the values in the JSON of a field. A cut begins and ends at the escapes of its characters. */
function* findInField(bytes: Buffer, from: number, to: number, paths: readonly ValuePath[]): Slices<Cut[]> {
  const decoded = Buffer.allocUnsafe(to - from);
  const indexes = new Uint32Array(to - from + 1);
  let length = 0;
  for (let at = from; at < to; length += 1) {
    indexes[length] = at;
    const byte = bytes[at] as number;
    const escaped = byte === PERCENT ? Number.parseInt(bytes.toString("latin1", at + 1, at + 3), 16) : byte;
    decoded[length] = byte === PLUS ? SPACE : escaped;
    at += byte === PERCENT ? 3 : 1;
    if (length % PIECE_BYTES === PIECE_BYTES - 1) yield;
  }
  indexes[length] = to;
  const cuts = yield* findValues(decoded.subarray(0, length), paths);
  return cuts.map((cut) => {
    const { leavesNull } = cut;
    return { from: indexes[cut.from] as number, to: indexes[cut.to] as number, leavesNull };
  });
}

function isIndexed(path: ValuePath): boolean {
  return isIndex(path.slice(1));
}

function decodeName(bytes: Buffer, from: number, to: number): string | undefined {
  try {
    return decodeURIComponent(bytes.toString("utf8", from, to).replaceAll("+", " "));
  } catch {
    return undefined;
  }
}

/** Longer names are no names of tokens: a pointer has at most 256 characters, each with up to 12 bytes of escapes. */
const MAX_NAME_BYTES = 3_072;
const PIECE_BYTES = 65_536;
const AMPERSAND = 0x26;
const EQUALS = 0x3d;
const PERCENT = 0x25;
const PLUS = 0x2b;
const SPACE = 0x20;
