import { type RunAs } from "./run-as.ts";
/** A store that cannot outlive the process that started it. */
export interface Guarded {
    /** The guardian's pid; the store is its child. */
    readonly pid: number;
    readonly ended: boolean;
    /** Resolves when the store is gone. */
    readonly end: Promise<void>;
    /** Asks the store to stop and resolves when it is gone; kills it after 30 s. */
    stop(): Promise<void>;
    /** Kills the store and all its children with SIGKILL, as the kernel would; resolves when they are gone. */
    kill(): Promise<void>;
}
/** Starts the command in a session of its own, out of reach of the terminal's Ctrl-C. */
export declare function startGuarded(options: {
    command: readonly string[];
    directory: string;
    stopSignal: "INT" | "TERM";
    runAs: RunAs | undefined;
    /** Where its output goes. */
    logFd: number;
}): Promise<Guarded>;
