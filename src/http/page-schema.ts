import { type TProperties, type TSchema, Type } from "typebox";
import { closed, nullable } from "./field-schemas.ts";

export const DEFAULT_LIMIT = 50;

/** The query of every list, with the filters of this one. */
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
        Type.String({ maxLength: 1000, description: "next_cursor of the page before; opaque" }),
      ),
    },
    closed,
  );
}

/** The answer of every list. */
export function pageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next_cursor: nullable(Type.String({ description: "null on the last page" })),
  });
}

/** The answer of a list whose filter may find little. */
export function foundPageOf<Item extends TSchema>(item: Item) {
  return Type.Object({
    items: Type.Array(item),
    next_cursor: nullable(Type.String({ description: "null on the last page" })),
    looked_until: Type.Optional(
      Type.String({
        format: "date-time",
        description:
          "Only where the list stopped after about a second with what it had found, also nothing: it has looked at all that is newer than this. next_cursor goes on.",
      }),
    ),
  });
}

/** A page of what holds whole payloads ends when they reach this size, bytes, whatever the limit. */
export const MAX_PAGE_BYTES = 8_388_608;
