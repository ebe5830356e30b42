import type { Queryable } from "./database.ts";

/** Every table that is partitioned by the day in a UUIDv7. */
export const PARTITIONED_TABLES = [
  "events",
  "verdicts",
  "runs",
  "attempts",
  "run_steps",
  "run_logs",
] as const;

/** Two copies never make the same partition at once. */
const PARTITION_LOCK = 7_232_734;

const DAY_MS = 86_400_000;

/** The smallest UUIDv7 of a moment, ms since the epoch: what a range over ids starts or ends with. */
export function uuid7Floor(epochMs: number): string {
  const hex = Math.max(0, Math.floor(epochMs)).toString(16).padStart(12, "0");
  return `${hex.slice(0, 8)}-${hex.slice(8)}-0000-0000-000000000000`;
}

/** The milliseconds in a UUIDv7. */
export function uuid7Ms(id: string): number {
  return Number.parseInt(id.slice(0, 8) + id.slice(9, 13), 16);
}

/**
 * The bounds that a batch of ids lies in, both inclusive. A statement that names them beside `= ANY(ids)` touches
 * the partitions of those days alone: the planner does not prune by the array itself.
 */
export function idBounds(ids: readonly string[]): { low: string; high: string } {
  let low = ids[0] ?? "";
  let high = low;
  for (const id of ids) {
    if (id < low) low = id;
    if (id > high) high = id;
  }
  return { low, high };
}

/**
 * Makes the partitions from yesterday to `daysAhead` days after today, by the database's clock; those that exist
 * stay. A new one is made on its own and then attached, which does not lock out live traffic.
 */
export async function ensurePartitions(database: Queryable, daysAhead: number): Promise<string[]> {
  const [row] = await database.query<{ today: string; existing: string[] }>({
    text: `SELECT (floor(extract(epoch FROM now()) / 86400))::bigint AS today,
      ARRAY(SELECT c.relname::text FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
        WHERE i.inhparent::regclass::text = ANY ($1)) AS existing`,
    values: [PARTITIONED_TABLES],
  });
  const existing = new Set(row?.existing);
  const made: string[] = [];
  for (let day = Number(row?.today) - 1; day <= Number(row?.today) + daysAhead; day += 1) {
    for (const table of PARTITIONED_TABLES) {
      const partition = partitionName(table, day);
      if (existing.has(partition)) continue;
      await makePartition(database, { table, partition, day });
      made.push(partition);
    }
  }
  return made;
}

function partitionName(table: string, day: number): string {
  return `${table}_${new Date(day * DAY_MS).toISOString().slice(0, 10).replaceAll("-", "")}`;
}

async function makePartition(
  database: Queryable,
  { table, partition, day }: { table: string; partition: string; day: number },
): Promise<void> {
  const from = uuid7Floor(day * DAY_MS);
  const to = uuid7Floor((day + 1) * DAY_MS);
  // Row-level security of a partition counts only when it is read by its own name, which nobody may.
  await database.query({
    text: `DO $$ BEGIN
      PERFORM pg_advisory_xact_lock(${PARTITION_LOCK});
      IF to_regclass('${partition}') IS NULL THEN
        CREATE TABLE ${partition} (LIKE ${table} INCLUDING DEFAULTS INCLUDING CONSTRAINTS);
        ALTER TABLE ${table} ATTACH PARTITION ${partition} FOR VALUES FROM ('${from}') TO ('${to}');
      END IF;
    END $$`,
  });
}
