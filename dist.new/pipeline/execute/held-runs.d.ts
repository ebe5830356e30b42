import type { Queryable } from "../../postgres/database.ts";
import type { Step } from "../../runtime/loop.ts";
/** The runs that this process is executing. */
export interface HeldRuns {
    /** Holds a run until it is let go; the signal is aborted if another process gets it, or at `handBack`. */
    hold(run: {
        id: string;
        fence: number;
    }): AbortSignal;
    letGo(runId: string): void;
    /** One heartbeat: all leases are pushed ahead in one statement; who lost one is told by its signal. */
    heartbeat: Step;
    /** Aborts what is still held and hands it back: due at once, for any worker. */
    handBack(): Promise<void>;
    /** Resolves when nothing is held any more. */
    emptied(): Promise<void>;
    readonly size: number;
}
export declare function createHeldRuns(database: Queryable, { leaseMs, heartbeatMs }: {
    leaseMs: number;
    heartbeatMs: number;
}): HeldRuns;
