import type { Selector } from "../schemes/scheme.ts";

/** Selects the places in a body, in order. */
export function inBody(...pointers: string[]): Selector[] {
  return pointers.map((body) => ({ body }));
}

/** Selects the places in one item of a batch, in order. */
export function inItem(...pointers: string[]): Selector[] {
  return pointers.map((item) => ({ item }));
}
