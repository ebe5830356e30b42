/**
 * Waits for the store that an earlier process left on this folder, and asks it to stop. It is known by its pid file and
 * by its command line, which names the folder: a pid alone may be anyone's by now. Only the holder of the data dir's
 * lock may call this. Throws `data_dir_in_use` when it does not stop within 30 s.
 */
export declare function endLeftover(store: {
    /** Its first line is the store's pid. */
    pidFile: string;
    directory: string;
    stopSignal: "INT" | "TERM";
}): Promise<void>;
