/** A file that a child process appends to, so that its last words outlive this process. */
export interface ChildLog {
    /** For the child's standard output and error. */
    readonly fd: number;
    /** What was written since it was opened; the last 2,000 bytes of that. */
    tail(): string;
    close(): void;
}
/** Opens the log. Past 5 MiB, looked at every 5 s, it becomes `<file>.1` and starts anew. */
export declare function openChildLog(file: string): ChildLog;
