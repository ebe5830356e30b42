/** The unprivileged user that the stores of a root process run as. */
export interface RunAs {
    uid: number;
    gid: number;
}
/**
 * Who the stores run as: undefined where this process is not root, since they then run as its own user. PostgreSQL
 * refuses to run as root. The owner of data that is already there stays the owner. Throws `store_unavailable`.
 */
export declare function findRunAs(existingData: string): RunAs | undefined;
/** What a store sees of this process's environment: PGDATA and its like would change what it does. */
export declare function storeEnvironment(): Record<string, string>;
/** Whether the stores' user can enter the folder, which depends on every folder above it. */
export declare function canEnter(directory: string, runAs: RunAs | undefined): boolean;
