import { Counter, Gauge, Histogram, Registry } from "prom-client";
/** What each stage counts. Nothing here reads a table: counters count what happened, gauges are set by loops. */
export interface Metrics {
    registry: Registry;
    /** Deliveries by their answer: accepted, duplicate, rejected, challenge, too_large. */
    deliveries: Counter<"answer">;
    /** Rejected deliveries by reason. */
    rejections: Counter<"reason">;
    /** New events committed, from webhooks and the API. */
    accepted: Counter;
    /** Event ids that the relay published, again ones among them. */
    published: Counter;
    /** Events by verdict: routed, unmatched, dead. */
    routed: Counter<"verdict">;
    /** Runs made by routing. */
    runsCreated: Counter;
    /** Attempts by the state they left their run in: succeeded, failed, dead. */
    attempts: Counter<"state">;
    /** How long an attempt took, s. */
    attemptSeconds: Histogram<"state">;
    /** Runs that were queued again: retries, lost jobs, dead workers. */
    swept: Counter;
    /** Times that Redis was found to have lost what was published. */
    redisLosses: Counter;
    /** Failed steps of each loop. */
    loopFailures: Counter<"loop">;
    /** How old the oldest event is that is not routed yet, s. */
    oldestUnroutedSeconds: Gauge;
}
export declare function createMetrics(): Metrics;
