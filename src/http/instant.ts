import { uuid7Floor } from "../postgres/schema/partitions.ts";

/** The least id of a moment that a query names, so that lists can be bounded by their ids. */
export function idAt(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : uuid7Floor(Date.parse(instant));
}
