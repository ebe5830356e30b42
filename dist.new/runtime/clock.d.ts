/** The time of this process. Leases and ids never use it: they use the database's clock. */
export interface Clock {
    /** Milliseconds since the epoch. */
    now(): number;
}
export declare const systemClock: Clock;
