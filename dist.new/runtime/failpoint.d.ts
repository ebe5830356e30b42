/** Ends the process here and now, as a power cut would, if this place is armed. */
export declare function failpoint(name: string): void;
