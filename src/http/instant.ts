import { uuid7Floor } from "../postgres/schema/partitions.ts";

/** Returns the lowest id of an instant, with which lists are bounded by id. */
export function idAt(instant: string | undefined): string | undefined {
  return instant === undefined ? undefined : uuid7Floor(Date.parse(instant));
}
