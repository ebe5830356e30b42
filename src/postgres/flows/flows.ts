import type { FlowDefinition } from "../../domain/flow/flow.ts";
import type { Schedule } from "../../domain/flow/schedule.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import { raiseCounter } from "../core/change-counters.ts";
import type { Queryable } from "../core/database.ts";
import type { Sealed } from "../core/key-ring.ts";
import { rowInput } from "../core/row-input.ts";
import { fromRow, fromRows } from "../core/rows.ts";
import { prepared, sql } from "../core/sql.ts";

/** A flow as the API shows it: its newest version, and which version is live. */
export interface StoredFlow {
  tenantId: string;
  id: string;
  version: number;
  deployedVersion: number | undefined;
  definition: FlowDefinition;
  /** The schedule of the live version. */
  deployedSchedule: Schedule | undefined;
  createdAt: Date;
  updatedAt: Date;
  /** When it was read, by the database's clock. */
  readAt: Date;
}

const SELECT_FLOWS = sql`SELECT f.tenant_id, f.id, f.version, f.deployed_version, v.definition,
    d.definition #> '{trigger,schedule}' AS deployed_schedule, f.created_at, f.updated_at, now() AS read_at
  FROM flows f JOIN flow_versions v ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, f.version)
  LEFT JOIN flow_versions d ON (d.tenant_id, d.flow_id, d.version) = (f.tenant_id, f.id, f.deployed_version)
  WHERE f.deleted_at IS NULL`;

export async function findFlow(
  database: Queryable,
  tenantId: string,
  id: string,
): Promise<StoredFlow | undefined> {
  const [row] = await database.query(sql`${SELECT_FLOWS} AND f.tenant_id = ${tenantId} AND f.id = ${id}`);
  return fromRow<StoredFlow>(row);
}

/**
 * Locks a flow until the transaction ends, so that it is not deployed, undeployed or deleted; returns its newest
 * version.
 */
export async function lockFlow(
  transaction: Queryable,
  tenantId: string,
  id: string,
): Promise<number | undefined> {
  const [row] = await transaction.query<{ version: number }>(
    sql`SELECT version FROM flows WHERE tenant_id = ${tenantId} AND id = ${id} AND deleted_at IS NULL FOR UPDATE`,
  );
  return row?.version;
}

/** The version that a manual run or a replay of a flow takes: the deployed one, else the newest. */
export async function findVersionToRun(
  transaction: Queryable,
  { tenantId, flowId }: { tenantId: string; flowId: string },
): Promise<{ version: number; definition: FlowDefinition } | undefined> {
  const [row] = await transaction.query<{
    version: number;
    definition: FlowDefinition;
  }>(sql`SELECT v.version, v.definition
      FROM flows f JOIN flow_versions v
        ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, coalesce(f.deployed_version, f.version))
      WHERE f.tenant_id = ${tenantId} AND f.id = ${flowId} AND f.deleted_at IS NULL`);
  return row;
}

/**
 * Finds the versions of several flows of a tenant as `findVersionToRun` does, by flow id; deleted flows are missing.
 */
export async function findVersionsToRun(
  transaction: Queryable,
  tenantId: string,
  flowIds: readonly string[],
): Promise<Map<string, { version: number; definition: FlowDefinition }>> {
  const rows = await transaction.query<{
    id: string;
    version: number;
    definition: FlowDefinition;
  }>(sql`SELECT f.id, v.version, v.definition
      FROM flows f JOIN flow_versions v
        ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, coalesce(f.deployed_version, f.version))
      WHERE f.tenant_id = ${tenantId} AND f.id = ANY (${flowIds}::text[]) AND f.deleted_at IS NULL`);
  return new Map(rows.map((row) => [row.id, row]));
}

/** A page of a tenant's flows in the order of their ids. */
export async function listFlows(
  database: Queryable,
  tenantId: string,
  page: { afterId: string; limit: number },
): Promise<StoredFlow[]> {
  const rows = await database.query(
    sql`${SELECT_FLOWS} AND f.tenant_id = ${tenantId} AND f.id > ${page.afterId} ORDER BY f.id LIMIT ${page.limit}`,
  );
  return fromRows<StoredFlow>(rows);
}

/** The associated data with which a flow's signing secret is sealed. */
export function signingSecretAad(flow: { tenantId: string; flowId: string }): string {
  return `${flow.tenantId}/flows/${flow.flowId}`;
}

/**
 * Stores a flow's definition as its newest version; the same definition again makes none. A flow that was deleted
 * comes back, undeployed. The signing secret is stored for a new or returning flow, and for another only with
 * `replaceSecret`; `secretStored` says whether it was.
 */
export async function putFlow(
  transaction: Queryable,
  flow: {
    tenantId: string;
    id: string;
    definition: FlowDefinition;
    signingSealed: Buffer;
    signingKeyId: string;
    replaceSecret?: boolean;
  },
): Promise<{ secretStored: boolean }> {
  const keepsSecret = flow.replaceSecret ? sql`false` : sql`f.deleted_at IS NULL`;
  const [row] = await transaction.query<{
    stored: boolean;
  }>(sql`INSERT INTO flows AS f ${sql.row({
    tenant_id: flow.tenantId,
    id: flow.id,
    version: 0,
    signing_sealed: flow.signingSealed,
    signing_key_id: flow.signingKeyId,
  })}
      ON CONFLICT (tenant_id, id) DO UPDATE SET deleted_at = NULL, updated_at = now(),
        signing_sealed = CASE WHEN ${keepsSecret} THEN f.signing_sealed ELSE excluded.signing_sealed END,
        signing_key_id = CASE WHEN ${keepsSecret} THEN f.signing_key_id ELSE excluded.signing_key_id END,
        old_signing_until = CASE WHEN ${keepsSecret} THEN f.old_signing_until END
      RETURNING (f.signing_sealed = ${flow.signingSealed}) AS stored`);
  await transaction.query(sql`WITH next AS (
        INSERT INTO flow_versions (tenant_id, flow_id, version, definition)
        SELECT f.tenant_id, f.id, f.version + 1, ${writeJson(flow.definition)}::jsonb
        FROM flows f LEFT JOIN flow_versions v ON (v.tenant_id, v.flow_id, v.version) = (f.tenant_id, f.id, f.version)
        WHERE f.tenant_id = ${flow.tenantId} AND f.id = ${flow.id}
          AND v.definition IS DISTINCT FROM ${writeJson(flow.definition)}::jsonb
        RETURNING version
      )
      UPDATE flows SET version = next.version FROM next WHERE tenant_id = ${flow.tenantId} AND id = ${flow.id}`);
  // Workers cache opened secrets until the counter changes.
  if (row?.stored) await raiseCounter(transaction, "flows");
  return { secretStored: row?.stored ?? false };
}

/**
 * Gives a flow another signing secret. The previous one also signs for `overlapSeconds`; an earlier one no longer
 * does. Returns until when the previous one signs; undefined if there is no such flow.
 */
export async function rotateSigningSecret(
  transaction: Queryable,
  flow: { tenantId: string; id: string; sealed: Sealed; overlapSeconds: number },
): Promise<{ formerUntil: Date } | undefined> {
  const [row] = await transaction.query<{
    former_until: Date;
  }>(sql`UPDATE flows SET old_signing_sealed = signing_sealed, old_signing_key_id = signing_key_id,
        old_signing_until = now() + ${flow.overlapSeconds}::int * interval '1 second',
          signing_sealed = ${flow.sealed.sealed}, signing_key_id = ${flow.sealed.keyId},
        updated_at = now()
      WHERE tenant_id = ${flow.tenantId} AND id = ${flow.id} AND deleted_at IS NULL
      RETURNING old_signing_until AS former_until`);
  if (row === undefined) return undefined;
  // Workers cache opened secrets until the counter changes.
  await raiseCounter(transaction, "flows");
  return { formerUntil: row.former_until };
}

/** Hides a flow; its versions stay for the runs that name them. Lock and undeploy it in the same transaction. */
export async function deleteFlow(transaction: Queryable, tenantId: string, id: string): Promise<void> {
  await transaction.query(
    sql`UPDATE flows SET deleted_at = now() WHERE tenant_id = ${tenantId} AND id = ${id}`,
  );
}

/** A flow version as workers execute it. It never changes except for the secret, whose change raises the counter. */
export interface ExecutableFlow {
  tenantId: string;
  flowId: string;
  version: number;
  definition: FlowDefinition;
  signing: Sealed;
  /** The previous secret, and until when it signs too. */
  formerSigning: (Sealed & { until: Date }) | undefined;
}

/** Loads the flow versions that exist among the wanted ones. */
export async function loadFlowVersions(
  database: Queryable,
  wanted: readonly { tenantId: string; flowId: string; version: number }[],
): Promise<ExecutableFlow[]> {
  const rows = await database.query<{
    tenant_id: string;
    flow_id: string;
    version: number;
    definition: FlowDefinition;
    signing_sealed: Buffer;
    signing_key_id: string;
    old_signing_sealed: Buffer | null;
    old_signing_key_id: string | null;
    old_signing_until: Date | null;
  }>(
    prepared(
      "load-flow-versions",
      sql`SELECT v.tenant_id, v.flow_id, v.version, v.definition, f.signing_sealed, f.signing_key_id,
        f.old_signing_sealed, f.old_signing_key_id, f.old_signing_until
      FROM ${versionRows(wanted).from("w")}
      JOIN flow_versions v USING (tenant_id, flow_id, version)
      JOIN flows f ON (f.tenant_id, f.id) = (v.tenant_id, v.flow_id)`,
    ),
  );
  return rows.map((row) => ({
    tenantId: row.tenant_id,
    flowId: row.flow_id,
    version: row.version,
    definition: row.definition,
    signing: { sealed: row.signing_sealed, keyId: row.signing_key_id },
    formerSigning:
      row.old_signing_sealed === null || row.old_signing_until === null
        ? undefined
        : {
            sealed: row.old_signing_sealed,
            keyId: row.old_signing_key_id as string,
            until: row.old_signing_until,
          },
  }));
}

const versionRows = rowInput<{ tenantId: string; flowId: string; version: number }>([
  ["tenant_id", "text", (flow) => flow.tenantId],
  ["flow_id", "text", (flow) => flow.flowId],
  ["version", "int", (flow) => flow.version],
]);
