import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Collects garbage at once, before memory is measured, or time that a collection would add to. */
export const collectGarbage = runInNewContext("gc") as () => void;
