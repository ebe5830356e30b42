/** One running process. Zombies have an empty command line. */
export interface Process {
    pid: number;
    parentPid: number;
    /** Its arguments, separated by spaces. */
    commandLine: string;
}
/** Every process that this one may see: from /proc, or from `ps` where there is none. */
export declare function listProcesses(): Process[];
/** The process and all its descendants, parents first. */
export declare function familyOf(pid: number): number[];
