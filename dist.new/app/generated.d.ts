/**
 * A secret that is made at the first start and kept in a file that its owner alone may read. Two starts at once
 * agree on one value: who comes second reads the first one's.
 */
export declare function generatedOnce(file: string, make: () => string): Promise<{
    value: string;
    made: boolean;
}>;
