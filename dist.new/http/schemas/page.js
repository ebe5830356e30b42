import { Type } from "typebox";
import { closed, nullable } from "./fields.js";
export const DEFAULT_LIMIT = 50;
/** The query of every list, with the filters of this one. */
export function pageQuery(filters) {
    return Type.Object({
        ...filters,
        limit: Type.Optional(Type.Integer({
            minimum: 1,
            maximum: 1000,
            default: DEFAULT_LIMIT,
            description: "an integer from 1 to 1000",
        })),
        cursor: Type.Optional(Type.String({ maxLength: 1000, description: "next_cursor of the page before; opaque" })),
    }, closed);
}
/** The answer of every list. */
export function pageOf(item) {
    return Type.Object({
        items: Type.Array(item),
        next_cursor: nullable(Type.String({ description: "null on the last page" })),
    });
}
/** A page of what holds whole payloads ends when they reach this size, bytes, whatever the limit. */
export const MAX_PAGE_BYTES = 8_388_608;
//# sourceMappingURL=page.js.map