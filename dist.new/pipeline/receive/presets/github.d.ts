import type { Preset } from "./preset.ts";
/**
 * GitHub signs the body alone: no time, and neither the event name nor the delivery id, so that deduplication
 * carries its replays. A delivery can be sent again by hand for three days, under the same id.
 */
export declare const github: Preset;
