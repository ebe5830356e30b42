import { type TProperties, type TSchema, Type } from "typebox";
import { closed, nullable } from "./field-schemas.ts";

/** Default number of items per page. */
export const DEFAULT_LIMIT = 50;

/** Returns the query schema of a list with these filters. */
export function pageQuery<Filters extends TProperties>(filters: Filters) {
  return Type.Object(
    {
      ...filters,
      limit: Type.Optional(
        Type.Integer({
          minimum: 1,
          maximum: 1000,
          default: DEFAULT_LIMIT,
          description: "an integer from 1 to 1000",
        }),
      ),
      cursor: Type.Optional(
        Type.String({ maxLength: 1000, description: "next_cursor of the previous page; opaque" }),
      ),
    },
    closed,
  );
}

/** Returns the response schema of a list. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next_cursor: nullable(Type.String({ description: "null on the last page" })),
  });
}

/** Returns the response schema of a list with filters that may match few rows. */
export function foundPageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next_cursor: nullable(Type.String({ description: "null on the last page" })),
    looked_until: Type.Optional(
      Type.String({
        format: "date-time",
        description:
          "Present only if the search stopped after about a second: everything newer than this was searched. next_cursor continues.",
      }),
    ),
  });
}

/** Largest size of a page with payloads, bytes. A page ends there, whatever its limit. */
export const MAX_PAGE_BYTES = 8_388_608;
