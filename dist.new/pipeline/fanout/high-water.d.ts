import { type Priority } from "../../domain/priority.ts";
/** What waits behind the relay at one moment: in a lane's stream and in its queue. */
export interface LaneDepth {
    /** Events in the stream, read or not, and jobs in the queue. */
    waiting: number;
    /** Events that were ever added to the stream. */
    added: number;
    /** Events that are in the stream now. */
    inStream: number;
}
export interface HighWaterLimits {
    /** What waits behind the relay is at most what drains in this time, ms. */
    drainMs: number;
    /** Never held below this, so that a slow lane still finds the next batch ready. */
    minEvents: number;
    /** Never let above this, whatever the drain. */
    maxEvents: number;
}
/**
 * How many events each lane may be given now. Behind the relay all is first in, first out, so what waits there
 * delays whatever comes after it: it is kept below half a second of what the lane was last seen to drain.
 */
export interface HighWater {
    room(depths: ReadonlyMap<Priority, LaneDepth>, nowMs: number): Map<Priority, number>;
}
export declare function createHighWater(limits: HighWaterLimits): HighWater;
