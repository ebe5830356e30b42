import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");

/** Frees at once what is no longer in use: before memory is measured, or time, of which a collection would take some. */
export const collectGarbage = runInNewContext("gc") as () => void;
