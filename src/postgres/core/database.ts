import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";
import { createShares, NoShare, type ShareBounds } from "../../runtime/shares.ts";
import { isMissingPartition, makeMissingPartitions, noPartition } from "../schema/partitions.ts";
import { cancelStatement } from "./cancel-statement.ts";
import { connectionOptions, SessionClient } from "./connection-options.ts";
import { asHeadraceError, busyFault, TenantShareTaken } from "./faults.ts";
import { TYPES_WITH_EXACT_JSON } from "./json-types.ts";

/** One statement with its values. With a `name` each connection prepares it once; a name stands for one text. */
export interface Statement {
  name?: string;
  text: string;
  values?: unknown[];
}

/** Runs statements: on a pool, or within one transaction. */
export interface Queryable {
  query<Row extends pg.QueryResultRow = pg.QueryResultRow>(statement: Statement): Promise<Row[]>;
}

export interface DatabaseOptions {
  url: string;
  /** Connections of the receiver alone, so that no other work delays a delivery's commit. */
  maxIngestConnections: number;
  /** Connections of every other stage. */
  maxPipelineConnections: number;
  /** Connections of the management API, and the most that one tenant's calls use at once. */
  maxApiConnections: number;
  maxTenantConnections: number;
  /** How long a transaction waits for a connection, ms, and how many transactions of one tenant may wait. */
  maxConnectionWaitMs: number;
  maxWaitingTransactions: number;
  /** Connections only for looking up API keys. */
  maxAccessConnections: number;
  /** How long a caller waits for a connection, ms. */
  connectTimeoutMs: number;
  /** How long one statement may take before its connection is dropped, ms. */
  statementTimeoutMs: number;
  /** How long PostgreSQL lets one statement of a transaction take, ms: less than `statementTimeoutMs`. */
  transactionStatementTimeoutMs: number;
  /** False sends statements without names, for poolers that do not support prepared statements. */
  preparedStatements?: boolean;
  onError: (error: Error) => void;
}

/**
 * The database as the stages see it. `ingest` and `pipeline` run statements over many tenants at once, as the login
 * role, which is a member of headrace_pipeline. `withTenant` opens a transaction in which row-level security shows
 * one tenant only. Transactions of a tenant share a number of connections: they reject with `TenantShareTaken` if
 * they wait too long for one another, and with `store_unavailable` if others keep them waiting. If a statement finds
 * no partition for its row, the missing ones are created and it runs once more; in a transaction `work` runs once
 * more as a whole, so it must only change the database.
 */
export interface Database {
  ingest: Queryable;
  pipeline: Queryable;
  /** Looks up API keys, so that authentication never waits for other work. */
  access: Queryable;
  /** A transaction over all tenants, for administrators and the stages. */
  transaction<Result>(work: (transaction: Queryable) => Promise<Result>): Promise<Result>;
  withTenant<Result>(tenantId: string, work: (transaction: Queryable) => Promise<Result>): Promise<Result>;
  close(): Promise<void>;
}

export function openDatabase(options: DatabaseOptions): Database {
  const ingestPool = openPool(options, options.maxIngestConnections, "headrace-receive");
  const pipelinePool = openPool(options, options.maxPipelineConnections, "headrace-pipeline");
  const apiPool = openPool(options, options.maxApiConnections, "headrace-api");
  const accessPool = openPool(options, options.maxAccessConnections, "headrace-access");
  const shares = createShares(shareLimits(options));
  const send = options.preparedStatements === false ? sendUnnamed : sendNamed;
  let making: Promise<unknown> | undefined;
  // Uses the receiver's connections, which no other work can exhaust; concurrent callers share one creation.
  const makePartitions = (cause: Error): Promise<unknown> => {
    making ??= makeMissingPartitions(queryable(ingestPool, send), cause).finally(() => {
      making = undefined;
    });
    return making;
  };
  const begin = `${BEGIN}; SET LOCAL statement_timeout = ${options.transactionStatementTimeoutMs}`;
  const transaction = async <Result>(
    { holder, begin }: { holder: string; begin: string },
    work: (transaction: Queryable) => Promise<Result>,
  ) => {
    const release = await shares.take(holder).catch((error: unknown) => {
      throw asShareFault(error, holder);
    });
    try {
      return await inTransaction({ pool: apiPool, begin, send, makePartitions }, work);
    } finally {
      release();
    }
  };
  return {
    ingest: queryable(ingestPool, send, makePartitions),
    pipeline: queryable(pipelinePool, send, makePartitions),
    access: queryable(accessPool, send),
    transaction: (work) => transaction({ holder: EVERY_TENANT, begin }, work),
    withTenant: (tenantId, work) =>
      transaction(
        {
          holder: tenantId,
          // Limited to this transaction, so that they are correct behind a pooler too.
          begin: `${begin}; SET LOCAL ROLE headrace_api; SELECT set_config('app.tenant', ${pg.escapeLiteral(tenantId)}, true)`,
        },
        work,
      ),
    async close() {
      await Promise.all([ingestPool.end(), pipelinePool.end(), apiPool.end(), accessPool.end()]);
    },
  };
}

/** The holder of transactions over all tenants: no tenant's id is empty. */
const EVERY_TENANT = "";

function shareLimits(options: DatabaseOptions): ShareBounds {
  return {
    total: options.maxApiConnections,
    perHolder: options.maxTenantConnections,
    maxWaitMs: options.maxConnectionWaitMs,
    maxWaiting: options.maxWaitingTransactions,
  };
}

function asShareFault(error: unknown, holder: string): unknown {
  if (!(error instanceof NoShare)) return error;
  return error.own && holder !== EVERY_TENANT ? new TenantShareTaken(holder) : busyFault(error);
}

/**
 * Begins a transaction of the API. Its statements have optional filters, so each is planned for its values, and
 * compiling a list over a large table would take longer than running it. See role-settings.ts for the pipeline's
 * settings.
 */
const BEGIN = "BEGIN; SET LOCAL jit = off; SET LOCAL plan_cache_mode = auto";

function openPool(options: DatabaseOptions, max: number, applicationName: string): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(options.url),
    Client: SessionClient,
    types: TYPES_WITH_EXACT_JSON,
    max,
    application_name: applicationName,
    connectionTimeoutMillis: options.connectTimeoutMs,
    query_timeout: options.statementTimeoutMs,
    idleTimeoutMillis: 60_000,
    keepAlive: true,
  });
  // A backend that ends while its connection is idle, or between two statements, is an event on the pool or the
  // client; without a listener either would end the process.
  pool.on("error", options.onError);
  pool.on("connect", (client) => client.on("error", options.onError));
  return pool;
}

/** Creates the partitions that a statement missed; rejects with `store_unavailable` if that fails. */
type MakePartitions = (cause: Error) => Promise<unknown>;

/** Sends a statement on a connection, without its name behind a pooler that loses prepared statements. */
type Send = (source: pg.Pool | pg.PoolClient, statement: Statement) => Promise<pg.QueryResult>;

const sendNamed: Send = (source, statement) => source.query(statement);

const sendUnnamed: Send = (source, { text, values }) =>
  source.query(values === undefined ? { text } : { text, values });

function queryable(source: pg.Pool | pg.PoolClient, send: Send, makePartitions?: MakePartitions): Queryable {
  return {
    async query(statement) {
      try {
        return (await send(source, statement)).rows;
      } catch (error) {
        if (makePartitions === undefined || !isMissingPartition(error)) throw asHeadraceError(error);
        await makePartitions(error);
      }
      try {
        return (await send(source, statement)).rows;
      } catch (error) {
        throw isMissingPartition(error) ? noPartition(error) : asHeadraceError(error);
      }
    },
  };
}

/** How transactions begin and run their statements. */
interface TransactionOptions {
  pool: pg.Pool;
  begin: string;
  send: Send;
  makePartitions: MakePartitions;
}

async function inTransaction<Result>(
  options: TransactionOptions,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result> {
  try {
    return await tryTransaction(options, work);
  } catch (error) {
    if (!isMissingPartition(error)) throw asHeadraceError(error);
    await options.makePartitions(error);
  }
  try {
    return await tryTransaction(options, work);
  } catch (error) {
    throw isMissingPartition(error) ? noPartition(error) : asHeadraceError(error);
  }
}

async function tryTransaction<Result>(
  { pool, begin, send }: TransactionOptions,
  work: (transaction: Queryable) => Promise<Result>,
): Promise<Result> {
  const client = await pool.connect();
  /** Whether a statement failed without a reply of PostgreSQL: the connection is lost, or still busy with it. */
  let unanswered = false;
  const watched: Send = async (source, statement) => {
    try {
      return await send(source, statement);
    } catch (error) {
      unanswered ||= !(error instanceof pg.DatabaseError);
      throw error;
    }
  };
  try {
    await watched(client, { text: begin });
    const result = await work(queryable(client, watched));
    await watched(client, { text: "COMMIT" });
    client.release();
    return result;
  } catch (error) {
    // A connection of unknown state is closed, and nothing waits for its running statement.
    const usable = !unanswered && (await rollBack(client));
    if (!usable) cancelStatement(client);
    client.release(!usable);
    throw error;
  }
}

/** A connection that does not roll back within this time is dropped, ms. */
const ROLLBACK_TIMEOUT_MS = 1_000;

async function rollBack(client: pg.PoolClient): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(() => resolve(false), ROLLBACK_TIMEOUT_MS);
  });
  const rolledBack = client.query("ROLLBACK").then(
    () => true,
    () => false,
  );
  try {
    return await Promise.race([rolledBack, late]);
  } finally {
    clearTimeout(timer);
  }
}

/**
 * True when the same statement may succeed later: the store is away, full, read-only, or resolved a conflict against
 * it.
 */
export function isUnavailable(error: unknown): boolean {
  return error instanceof HeadraceError && error.code === "store_unavailable";
}
