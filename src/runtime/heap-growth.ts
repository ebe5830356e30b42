import { setFlagsFromString } from "node:v8";

/**
 * Sets by how much the heap of this process may grow, in percent of what is alive in it, before all of it is marked
 * anew. V8's own choice is some 90 at the sizes here. More is fewer pauses of some 60 ms, less is less memory.
 */
export function setHeapGrowth(percent: number): void {
  setFlagsFromString(`--heap-growing-percent=${percent}`);
}
