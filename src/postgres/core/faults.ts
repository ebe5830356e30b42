import pg from "pg";
import { HeadraceError } from "../../domain/errors.ts";

/** Why PostgreSQL could not execute a valid statement: the values of a metric's label. */
export const FAULT_CAUSES = [
  "disk_full",
  "out_of_memory",
  "too_many_connections",
  "resources",
  "io_error",
  "read_only",
  "statement_timeout",
  "session_timeout",
  "shutting_down",
  "lock_timeout",
  "not_in_state",
  "conflict",
  "access_denied",
  "prepared_statement",
  "no_partition",
  "internal_error",
  "busy",
  "connection",
] as const;

export type FaultCause = (typeof FAULT_CAUSES)[number];

/** A fault of the store: its cause, as a name and in words, and the SQLSTATE where PostgreSQL gave one. */
export interface StoreFault {
  cause: FaultCause;
  text: string;
  sqlState: string | undefined;
}

/** PostgreSQL is away, or cannot take this now: the same statement may succeed later. */
export class PostgresUnavailable extends HeadraceError {
  readonly fault: StoreFault;

  constructor(fault: StoreFault, cause: Error) {
    super("store_unavailable", `PostgreSQL cannot take this now: ${cause.message}`, { cause });
    this.fault = fault;
  }
}

/** The tenant's other calls use all the connections that it may have at once. */
export class TenantShareTaken extends HeadraceError {
  constructor(tenantId: string) {
    super("store_unavailable", `Too many calls of tenant ${tenantId} are under way: wait for their answers`);
  }
}

/** The fault of a transaction that waited too long for a connection that others have. */
export function busyFault(cause: Error): PostgresUnavailable {
  const text = "every connection of the API has been busy for too long";
  return new PostgresUnavailable({ cause: "busy", text, sqlState: undefined }, cause);
}

type FaultRow = readonly [sqlState: RegExp, cause: FaultCause, text: string];

/** By SQLSTATE, the first that matches: faults of the server, which every other statement would also meet. */
const SERVER_FAULTS: readonly FaultRow[] = [
  [/^53100/, "disk_full", "PostgreSQL has no disk space left"],
  [/^53200/, "out_of_memory", "PostgreSQL has no memory left"],
  [/^53300/, "too_many_connections", "PostgreSQL takes no more connections (max_connections)"],
  [/^53/, "resources", "PostgreSQL has reached a limit of its resources"],
  [/^58/, "io_error", "PostgreSQL met an input/output or system error"],
  [/^25006/, "read_only", "PostgreSQL is read-only: a standby, or default_transaction_read_only"],
  [/^57014/, "statement_timeout", "PostgreSQL canceled a statement (statement_timeout, or by an operator)"],
  [/^(25P0[34]|57P05)/, "session_timeout", "PostgreSQL ended a session that was idle or open for too long"],
  [/^57/, "shutting_down", "PostgreSQL is starting, stopping, or ended the session"],
  [
    /^55P03/,
    "lock_timeout",
    "a lock was not had in time (lock_timeout): something holds a table or its rows",
  ],
  [/^55/, "not_in_state", "PostgreSQL is in no state to do this: it recovers, or takes no connections"],
  [/^40/, "conflict", "a transaction gave way to another (deadlock, or serialization failure)"],
  [/^(28|3D)/, "access_denied", "PostgreSQL refuses the user, its password or the database"],
  [/^08/, "connection", "the connection to PostgreSQL is lost or cannot be made"],
];

/**
 * Faults that may concern one statement or row alone: a batch is retried in halves, and an event that meets one is
 * set aside. No sender can cause them, so a request is told to retry.
 */
const STATEMENT_FAULTS: readonly FaultRow[] = [
  [/^42501/, "access_denied", "PostgreSQL denies the user a right that it needs"],
  [/^(26000|42P05)/, "prepared_statement", "a pooler lost a prepared statement (max_prepared_statements)"],
  [/^XX/, "internal_error", "PostgreSQL met an internal error, or damaged data"],
];

/** The fault that an error stands for; undefined where it is no operating fault of PostgreSQL. */
export function storeFaultOf(error: unknown): StoreFault | undefined {
  if (error instanceof PostgresUnavailable) return error.fault;
  return error instanceof pg.DatabaseError
    ? faultOf(error, [...SERVER_FAULTS, ...STATEMENT_FAULTS])
    : undefined;
}

/** The error as the stages see it: `PostgresUnavailable` where the same statement may succeed later. */
export function asHeadraceError(error: unknown): unknown {
  if (!(error instanceof Error) || error instanceof HeadraceError) return error;
  if (error instanceof pg.DatabaseError && error.code !== undefined) {
    const fault = faultOf(error, SERVER_FAULTS);
    return fault === undefined ? error : new PostgresUnavailable(fault, error);
  }
  // A failure without a SQLSTATE never reached the server, or lost the connection: its outcome is unknown.
  if (!(error instanceof pg.DatabaseError) && !isConnectionFault(error)) return error;
  return new PostgresUnavailable(CONNECTION_LOST, error);
}

const CONNECTION_LOST: StoreFault = {
  cause: "connection",
  text: "PostgreSQL cannot be reached, or did not answer in time",
  sqlState: undefined,
};

function faultOf({ code }: pg.DatabaseError, rows: readonly FaultRow[]): StoreFault | undefined {
  if (code === undefined) return undefined;
  const row = rows.find(([sqlState]) => sqlState.test(code));
  return row === undefined ? undefined : { cause: row[1], text: row[2], sqlState: code };
}

function isConnectionFault(error: Error): boolean {
  const { code } = error as { code?: unknown };
  return (
    typeof code === "string" || /connection|timeout|terminated|not queryable|the pool/i.test(error.message)
  );
}
