import type { Static, TSchema } from "typebox";
import { Value } from "typebox/value";
import { HeadraceError } from "../domain/errors.ts";
import type { FoundRows } from "../postgres/core/bounded-list.ts";
import { uuid7Ms } from "../postgres/schema/partitions.ts";

/** Encodes the key of a page's last item, opaque to the client. */
export function writeCursor(key: readonly string[]): string {
  return Buffer.from(JSON.stringify(key)).toString("base64url");
}

/** Decodes the key in a cursor. Throws `invalid_request` for a cursor that `writeCursor` did not write. */
export function readCursor<Schema extends TSchema>(
  cursor: string | undefined,
  schema: Schema,
): Static<Schema> | undefined {
  if (cursor === undefined) return undefined;
  const key = parse(Buffer.from(cursor, "base64url").toString());
  if (Value.Check(schema, key)) return key;
  throw new HeadraceError("invalid_request", "The cursor is not one that this list returned", {
    details: [
      { field: "cursor", expected: "next_cursor of the previous page, unchanged", got: "another text" },
    ],
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/**
 * Returns a page of rows that were queried with `limit + 1`: the additional row shows that there is another page.
 * `keyOf` returns the key after which the next page begins.
 */
export function pageOfRows<Row, Item>(
  rows: readonly Row[],
  limit: number,
  keyOf: (row: Row) => string[],
  asItem: (row: Row) => Item,
): { items: Item[]; next_cursor: string | null } {
  return asPage(rows.slice(0, limit), rows.length > limit, keyOf, asItem);
}

/** Returns a page of rows. `more` tells whether rows follow them. */
export function asPage<Row, Item>(
  rows: readonly Row[],
  more: boolean,
  keyOf: (row: Row) => string[],
  asItem: (row: Row, index: number) => Item,
): { items: Item[]; next_cursor: string | null } {
  const last = rows.at(-1);
  return {
    items: rows.map(asItem),
    next_cursor: more && last !== undefined ? writeCursor(keyOf(last)) : null,
  };
}

/** Returns a page of filtered rows, for a search that may have stopped before the page was full. */
export function asFoundPage<Row extends { id: string }, Item>(
  { rows, more, scannedUntilId }: FoundRows<Row>,
  asItem: (row: Row, index: number) => Item,
): { items: Item[]; next_cursor: string | null; looked_until?: string } {
  const page = asPage(rows, more, (row) => [row.id], asItem);
  if (scannedUntilId === undefined) return page;
  return {
    items: page.items,
    next_cursor: writeCursor([scannedUntilId]),
    looked_until: new Date(uuid7Ms(scannedUntilId)).toISOString(),
  };
}
