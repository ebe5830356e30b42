/** An exclusive hold on a folder. */
export interface DataDirLock {
    /** Tells those who want the folder that it will be free soon. */
    markStopping(): void;
    release(): Promise<void>;
}
/**
 * Takes the folder, or throws `data_dir_in_use` with the holder's pid. A holder that is stopping is waited for, up to
 * 20 s. The lock is a listening socket whose name is the folder's device and inode: the kernel frees it when its
 * process dies, however that was, and who connects is told the holder.
 */
export declare function lockDataDir(directory: string): Promise<DataDirLock>;
