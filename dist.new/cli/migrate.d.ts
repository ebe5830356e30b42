/** `headrace migrate`: runs the migrations that the database has not seen, and says which. */
export declare function runMigrate(options: {
    json?: boolean;
}): Promise<void>;
