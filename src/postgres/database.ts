import pg from "pg";
import { HeadraceError } from "../domain/errors.ts";

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
  close(): Promise<void>;
}

export function openDatabase(options: DatabaseOptions): Database {
  const ingestPool = openPool(options, options.maxIngestConnections, "headrace-receive");
  const pipelinePool = openPool(options, options.maxPipelineConnections, "headrace-pipeline");
  const apiPool = openPool(options, options.maxApiConnections, "headrace-api");
  return {
    ingest: queryable(ingestPool),
    pipeline: queryable(pipelinePool),
    transaction: (work) => inTransaction(apiPool, BEGIN, work),
    withTenant: (tenantId, work) =>
      inTransaction(
        apiPool,
        // These hold for this transaction alone, so that they are right behind a pooler too.
        `${BEGIN}; SET LOCAL ROLE headrace_api; SELECT set_config('app.tenant', ${pg.escapeLiteral(tenantId)}, true)`,
        work,
      ),
    async close() {
      await Promise.all([ingestPool.end(), pipelinePool.end(), apiPool.end()]);
    },
  };
}

/**
 * Begins a transaction of the API. Its statements have optional filters, so each is planned for its values, and a list
 * over a large table would be compiled for longer than it runs. See role-settings.ts for the pipeline's.
 */
const BEGIN = "BEGIN; SET LOCAL jit = off; SET LOCAL plan_cache_mode = auto";

function openPool(options: DatabaseOptions, max: number, applicationName: string): pg.Pool {
  const pool = new pg.Pool({
    connectionString: options.url,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.statementTimeoutMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  });
  // A backend that ends while its connection is idle, or between two statements, is an event on the pool or on
  // the client; with no listener either one would end the process.
  pool.on("error", options.onError);
  pool.on("connect", (client) => client.on("error", options.onError));
  return pool;
}

function queryable(source: pg.Pool | pg.PoolClient): Queryable {
  return {
    async query(statement) {
      try {
        return (await source.query(statement)).rows;
      } catch (error) {
        throw asHeadraceError(error);
      }
    },
  };
}

async function inTransaction<Result>(
  pool: pg.Pool,
  begin: string,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect().catch((error) => {
    throw asHeadraceError(error);
  });
  try {
    await client.query(begin);
    const result = await work(queryable(client));
    await client.query("COMMIT");
    client.release();
    return result;
  } catch (error) {
    const rolledBack = await client.query("ROLLBACK").then(
      () => true,
      () => false,
    );
    // A connection of unknown state is closed, never used again.
    client.release(!rolledBack);
    throw asHeadraceError(error);
  }
}

/** PostgreSQL error classes that mean: not now. Everything else is the statement's own fault. */
const UNAVAILABLE = /^(08|53|57P|58|25006|40|55P03)/;

/** True when the same statement may succeed later: the store is away, full, read-only, or gave way to another. */
export function isUnavailable(error: unknown): boolean {
  return error instanceof HeadraceError && error.code === "store_unavailable";
}

function asHeadraceError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof HeadraceError) return error;
  const code = (error as { code?: unknown }).code;
  // A failure without a SQLSTATE never reached the server, or lost it on the way: what became of it is unknown.
  const sqlState = typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) ? code : undefined;
  if (error instanceof pg.DatabaseError && sqlState !== undefined && !UNAVAILABLE.test(sqlState))
    return error;
  if (!(error instanceof pg.DatabaseError) && !isConnectionFault(error, code)) return error;
  return new HeadraceError("store_unavailable", `PostgreSQL cannot take this now: ${error.message}`, {
    cause: error,
  });
}

function isConnectionFault(error: Error, code: unknown): boolean {
  return typeof code === "string" || /connection|timeout|terminated|not queryable/i.test(error.message);
}
