import { HeadraceError } from "../../domain/errors.ts";
import type { RoutedDefinition } from "../../domain/flow/flow.ts";
import { nextTick, type Schedule } from "../../domain/flow/schedule.ts";
import { raiseCounter } from "../core/change-counters.ts";
import type { Queryable } from "../core/database.ts";
import { prepared, sql } from "../core/sql.ts";
import { stopBackfill } from "./backfills.ts";

/** One version of a flow, live from one value of the flows counter until another, or still. */
export interface Deployment {
  tenantId: string;
  flowId: string;
  version: number;
  /** The part of the definition that routing reads: actions are long, and a router caches every deployment. */
  definition: RoutedDefinition;
  from: number;
  /** The first value at which it is live no longer. */
  until: number | undefined;
}

interface DeploymentRow {
  tenant_id: string;
  flow_id: string;
  version: number;
  definition: RoutedDefinition;
  deployed_from: string;
  deployed_until: string | null;
}

/** Only the events of ticks need the schedule's data. */
const DEFINITION = sql`(v.definition - 'action') #- '{trigger,schedule,data}' AS definition`;

/**
 * Loads the deployments that began or ended after the flows counter had the value `since`, in the order of their
 * beginnings, with the current counter; for `since` 0 the live ones.
 */
export async function loadDeployments(
  database: Queryable,
  since: number,
): Promise<{ deployments: Deployment[]; counter: number }> {
  const rows = await database.query<{ counter: string } & (DeploymentRow | { tenant_id: null })>(
    prepared(
      "load-deployments",
      sql`SELECT c.value AS counter, d.tenant_id, d.flow_id, d.version, d.deployed_from, d.deployed_until,
        ${DEFINITION}
      FROM change_counters c
      LEFT JOIN (SELECT * FROM deployments
        WHERE CASE WHEN ${since}::bigint = 0 THEN deployed_until IS NULL
          ELSE deployed_from > ${since} OR deployed_until > ${since} END) d ON true
      LEFT JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE c.name = 'flows'
      ORDER BY d.deployed_from`,
    ),
  );
  const deployments = rows.flatMap((row) => (row.tenant_id === null ? [] : asDeployment(row)));
  return { deployments, counter: Number(rows[0]?.counter) };
}

/** Loads the deployments that ended after the flows counter had the value `after`, and not after it had `upTo`. */
export async function loadEndedDeployments(
  database: Queryable,
  { after, upTo }: { after: number; upTo: number },
): Promise<Deployment[]> {
  const rows = await database.query<DeploymentRow>(
    prepared(
      "load-ended-deployments",
      sql`SELECT d.*, ${DEFINITION} FROM deployments d JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.deployed_until > ${after} AND d.deployed_until <= ${upTo} ORDER BY d.deployed_from`,
    ),
  );
  return rows.map(asDeployment);
}

/**
 * Lists deployments of a tenant that were live at a value of the flows counter: those that trigger on the connector
 * and type, and those of the flows `first`. At most `limit`, the flows `first` before the others, by id.
 */
export async function listDeploymentsAt(
  transaction: Queryable,
  event: {
    tenantId: string;
    counter: number;
    connector: string;
    type: string;
    first: readonly string[];
    limit: number;
  },
): Promise<Deployment[]> {
  const rows = await transaction.query<DeploymentRow>(sql`SELECT d.*, ${DEFINITION} FROM deployments d
      JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.tenant_id = ${event.tenantId} AND d.deployed_from <= ${event.counter}
        AND (d.deployed_until IS NULL OR d.deployed_until > ${event.counter})
        AND (d.flow_id = ANY (${event.first}::text[]) OR (
          coalesce(v.definition #>> '{trigger,connector}', ${event.connector}) = ${event.connector}
          AND (v.definition #> '{trigger,event_types}' IS NULL OR EXISTS (
            SELECT FROM jsonb_array_elements_text(v.definition #> '{trigger,event_types}') AS t (name)
            WHERE name = ${event.type} OR (right(name, 1) = '*' AND starts_with(${event.type}, left(name, -1)))))))
      ORDER BY d.flow_id <> ALL (${event.first}::text[]), d.flow_id LIMIT ${event.limit}`);
  return rows.map(asDeployment);
}

/** Lists the live deployments of a tenant, at most `limit`, in the order of their beginnings. */
export async function listLiveDeployments(
  transaction: Queryable,
  { tenantId, limit }: { tenantId: string; limit: number },
): Promise<Deployment[]> {
  const rows = await transaction.query<DeploymentRow>(sql`SELECT d.*, ${DEFINITION} FROM deployments d
      JOIN flow_versions v USING (tenant_id, flow_id, version)
      WHERE d.tenant_id = ${tenantId} AND d.deployed_until IS NULL ORDER BY d.deployed_from LIMIT ${limit}`);
  return rows.map(asDeployment);
}

function asDeployment(row: DeploymentRow): Deployment {
  return {
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    version: row.version,
    definition: row.definition,
    from: Number(row.deployed_from),
    until: row.deployed_until === null ? undefined : Number(row.deployed_until),
  };
}

/**
 * Makes a version the live one in place of another. Its schedule ticks from now on; if it equals the previous
 * version's schedule, no tick between the two is lost. Lock the flow first. Throws `not_found` when the tenant was
 * deleted concurrently: the deletion ends the deployments that it sees.
 */
export async function deployFlow(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string; version: number },
): Promise<{ counter: number }> {
  const { counter, ended } = await endDeployment(transaction, flow);
  const nextTickAt = await firstTick(transaction, flow, ended);
  const deployed =
    await transaction.query(sql`INSERT INTO deployments (tenant_id, flow_id, version, deployed_from, next_tick_at)
      SELECT id, ${flow.flowId}, ${flow.version}, ${counter}, ${nextTickAt} FROM tenants WHERE id = ${flow.tenantId}
        AND deleted_at IS NULL RETURNING 1`);
  if (deployed.length === 0) throw new HeadraceError("not_found", `There is no tenant ${flow.tenantId}`);
  await transaction.query(
    sql`UPDATE flows SET deployed_version = ${flow.version}, updated_at = now() WHERE tenant_id = ${flow.tenantId}
      AND id = ${flow.flowId}`,
  );
  return { counter };
}

/** Ends a flow's deployment. Lock the flow first. */
export async function undeployFlow(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<void> {
  await endDeployment(transaction, flow);
  await transaction.query(
    sql`UPDATE flows SET deployed_version = NULL, updated_at = now() WHERE tenant_id = ${flow.tenantId}
      AND id = ${flow.flowId}`,
  );
}

/** The schedule of a deployment that has ended, and its next tick. */
type EndedSchedule = {
  schedule: Schedule | null;
  next_tick_at: Date | null;
};

async function endDeployment(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string },
): Promise<{ counter: number; ended: EndedSchedule | undefined }> {
  const counter = await raiseCounter(transaction, "flows");
  await stopBackfill(transaction, flow);
  const [ended] =
    await transaction.query<EndedSchedule>(sql`UPDATE deployments d SET deployed_until = ${counter}
      FROM flow_versions v
      WHERE d.tenant_id = ${flow.tenantId} AND d.flow_id = ${flow.flowId} AND d.deployed_until IS NULL
        AND (v.tenant_id, v.flow_id, v.version) = (d.tenant_id, d.flow_id, d.version)
      RETURNING v.definition #> '{trigger,schedule}' AS schedule, d.next_tick_at`);
  return { counter, ended };
}

async function firstTick(
  transaction: Queryable,
  flow: { tenantId: string; flowId: string; version: number },
  ended: EndedSchedule | undefined,
): Promise<Date | null> {
  const [row] = await transaction.query<{
    schedule: Schedule | null;
    now: Date;
  }>(sql`SELECT definition #> '{trigger,schedule}' AS schedule, clock_timestamp() AS now FROM flow_versions
      WHERE (tenant_id, flow_id, version) = (${flow.tenantId}, ${flow.flowId}, ${flow.version})`);
  if (row === undefined || row.schedule === null) return null;
  const { cron, timezone } = row.schedule;
  const same = ended?.schedule?.cron === cron && ended.schedule.timezone === timezone;
  if (same && ended.next_tick_at !== null) return ended.next_tick_at;
  const tickMs = nextTick(row.schedule, row.now.getTime());
  return tickMs === undefined ? null : new Date(tickMs);
}
