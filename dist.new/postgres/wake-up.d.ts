import type { Queryable } from "./database.ts";
/**
 * Tells relays in other processes that events wait. At most one notice every `intervalMs`, none within a commit:
 * NOTIFY takes a lock of the whole cluster there.
 */
export declare function createNotifier(database: Queryable, intervalMs: number): () => void;
/** Listens on a connection of its own, which cannot go through a pooler, and connects again when it is lost. */
export declare function listenForEvents(options: {
    url: string;
    onEvents: () => void;
    onError: (error: Error) => void;
    retryMs: number;
}): {
    stop(): Promise<void>;
};
