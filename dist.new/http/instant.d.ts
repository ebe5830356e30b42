/** The least id of a moment that a query names, so that lists can be bounded by their ids. */
export declare function idAt(instant: string | undefined): string | undefined;
