import pg from "pg";
import { describe, expect, test } from "vitest";
import { isUnavailable } from "./database.ts";
import { asHeadraceError, FAULT_CAUSES, storeFaultOf } from "./faults.ts";

function errorOf(sqlState: string): pg.DatabaseError {
  return Object.assign(new pg.DatabaseError("a message", 9, "error"), { code: sqlState });
}

describe("an error of PostgreSQL", () => {
  test.each([
    ["53100", "disk_full"],
    ["53200", "out_of_memory"],
    ["53300", "too_many_connections"],
    ["53400", "resources"],
    ["58030", "io_error"],
    ["25006", "read_only"],
    ["57014", "statement_timeout"],
    ["25P03", "session_timeout"],
    ["25P04", "session_timeout"],
    ["57P05", "session_timeout"],
    ["57P01", "shutting_down"],
    ["57P03", "shutting_down"],
    ["55P03", "lock_timeout"],
    ["55000", "not_in_state"],
    ["40001", "conflict"],
    ["40P01", "conflict"],
    ["28P01", "access_denied"],
    ["3D000", "access_denied"],
    ["08006", "connection"],
    ["08P01", "connection"],
  ] as const)("SQLSTATE %s is a fault of the server: %s", (sqlState, cause) => {
    const error = asHeadraceError(errorOf(sqlState));
    expect(isUnavailable(error)).toBe(true);
    expect(storeFaultOf(error)).toMatchObject({ cause, sqlState });
    expect(FAULT_CAUSES).toContain(cause);
  });

  test.each([
    ["XX000", "internal_error"],
    ["XX001", "internal_error"],
    ["42501", "access_denied"],
    ["26000", "prepared_statement"],
    ["42P05", "prepared_statement"],
  ] as const)("SQLSTATE %s is a fault that may concern one row alone: %s", (sqlState, cause) => {
    const error = asHeadraceError(errorOf(sqlState));
    expect(isUnavailable(error)).toBe(false);
    expect(storeFaultOf(error)).toMatchObject({ cause, sqlState });
  });

  test.each(["22P02", "22021", "23505", "23514", "42P01", "42601", "54000", "P0001"])(
    "SQLSTATE %s is no fault of the store",
    (sqlState) => {
      const error = errorOf(sqlState);
      expect(asHeadraceError(error)).toBe(error);
      expect(storeFaultOf(error)).toBeUndefined();
    },
  );
});

test.each([
  "Query read timeout",
  "timeout exceeded when trying to connect",
  "Connection terminated unexpectedly",
  "Client has encountered a connection error and is not queryable",
  "Cannot use a pool after calling end on the pool",
])("an error without a SQLSTATE is a fault of the connection: %s", (message) => {
  const error = asHeadraceError(new Error(message));
  expect(storeFaultOf(error)).toMatchObject({ cause: "connection", sqlState: undefined });
});

test("asHeadraceError returns other errors unchanged", () => {
  const error = new TypeError("x is not a function");
  expect(asHeadraceError(error)).toBe(error);
  expect(storeFaultOf(error)).toBeUndefined();
});
