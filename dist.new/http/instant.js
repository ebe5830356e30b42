import { uuid7Floor } from "../postgres/partitions.js";
/** The least id of a moment that a query names, so that lists can be bounded by their ids. */
export function idAt(instant) {
    return instant === undefined ? undefined : uuid7Floor(Date.parse(instant));
}
//# sourceMappingURL=instant.js.map