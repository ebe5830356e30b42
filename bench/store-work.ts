import type pg from "pg";

/** The work of PostgreSQL between two snapshots. */
export interface StoreWork {
  statements: number;
  walBytes: number;
}

/** Counts the work of PostgreSQL from now until the returned function is called. Needs pg_stat_statements. */
export async function measureStoreWork(database: pg.Pool): Promise<() => Promise<StoreWork>> {
  const look = async () => {
    const { rows } = await database.query<{ calls: string; wal: string }>(
      `SELECT (SELECT sum(calls) FROM pg_stat_statements) AS calls,
        pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0') AS wal`,
    );
    return { statements: Number(rows[0]?.calls), walBytes: Number(rows[0]?.wal) };
  };
  const before = await look();
  return async () => {
    const after = await look();
    return {
      statements: after.statements - before.statements,
      walBytes: after.walBytes - before.walBytes,
    };
  };
}
