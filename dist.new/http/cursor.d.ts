import type { Static, TSchema } from "typebox";
/** Where a page ended, opaque to the client: the key of its last item. */
export declare function writeCursor(key: readonly string[]): string;
/** The key in a cursor; undefined when there is none. Throws `invalid_request` for what `writeCursor` never wrote. */
export declare function readCursor<Schema extends TSchema>(cursor: string | undefined, schema: Schema): Static<Schema> | undefined;
/**
 * A page of rows that were asked for with a limit of one more, which tells whether there is another page. `keyOf`
 * gives what the next page begins after.
 */
export declare function pageOfRows<Row, Item>(rows: readonly Row[], limit: number, keyOf: (row: Row) => string[], asItem: (row: Row) => Item): {
    items: Item[];
    next_cursor: string | null;
};
/** A page of rows of which it is known whether there are `more` behind them. */
export declare function asPage<Row, Item>(rows: readonly Row[], more: boolean, keyOf: (row: Row) => string[], asItem: (row: Row) => Item): {
    items: Item[];
    next_cursor: string | null;
};
