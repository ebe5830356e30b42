import pg from "pg";
/** One statement with its values. A `name` prepares it once a connection; names are unique to a statement's text. */
export interface Statement {
    name?: string;
    text: string;
    values?: unknown[];
}
/** What runs statements: the pipeline's pool, or one transaction. */
export interface Queryable {
    query<Row extends pg.QueryResultRow = pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
}
export interface DatabaseOptions {
    url: string;
    /** Connections of the receiver alone, so that nothing else can keep a delivery from its commit. */
    maxIngestConnections: number;
    /** Connections of every other stage. */
    maxPipelineConnections: number;
    /** Connections of the management API. */
    maxApiConnections: number;
    /** How long a caller waits for a connection, ms. */
    connectTimeoutMs: number;
    /** How long one statement may take before its connection is given up, ms. */
    statementTimeoutMs: number;
    onError: (error: Error) => void;
}
/**
 * The database as the stages see it. `ingest` and `pipeline` run statements over many tenants at once, as the
 * login role, which is a member of headrace_pipeline. `withTenant` opens a transaction in which row-level
 * security shows one tenant and no other.
 */
export interface Database {
    ingest: Queryable;
    pipeline: Queryable;
    /** A transaction over all tenants, for changes that only an administrator or a stage makes. */
    transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result>;
    withTenant<Result>(tenantId: string, work: (transaction: Queryable) => Promise<Result>): Promise<Result>;
    /** Callers that wait for a connection of the receiver. */
    readonly ingestWaiting: number;
    close(): Promise<void>;
}
export declare function openDatabase(options: DatabaseOptions): Database;
/** True when the same statement may succeed later: the store is away, full, read-only, or gave way to another. */
export declare function isUnavailable(error: unknown): boolean;
