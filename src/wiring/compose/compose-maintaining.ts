import { createRetentionStep } from "../../dead-letters/retention.ts";
import { createDeadLetterWatch } from "../../dead-letters/watch-depths.ts";
import { createAlertNoticeStep } from "../../maintain/alert-notices.ts";
import { createDeleteOldStep, type DeleteOld } from "../../maintain/delete-old.ts";
import { createFilledTablesStep } from "../../maintain/filled-tables.ts";
import { createHistoryStep } from "../../maintain/history.ts";
import { createPurgeStep } from "../../maintain/purge.ts";
import { deleteOldAudit } from "../../postgres/access/audit.ts";
import { deleteOldAlerts } from "../../postgres/alerts/alerts.ts";
import { deleteOldBulks } from "../../postgres/dead-letters/bulk-replay.ts";
import { deleteExpiredKeys } from "../../postgres/events/accept.ts";
import { deleteOldRejections } from "../../postgres/events/rejections.ts";
import { deleteOldBreakers } from "../../postgres/runs/circuit-breakers.ts";
import { createDeadLetterGauges } from "../health/dead-letter-gauges.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

interface MaintainingDeps extends Pick<PipelineDeps, "bounds" | "database" | "outgoing" | "metrics" | "log"> {
  loops: Loops;
}

/** Wires the jobs that keep tables small, and those that watch dead letters and send alerts. */
export function composeMaintaining(deps: MaintainingDeps): void {
  const { bounds, outgoing, metrics, log, loops } = deps;
  const database = deps.database.pipeline;
  loops.add(
    "filled tables",
    createFilledTablesStep({
      database,
      bounds: bounds.filledTables,
      onAnalyzed: (tables) => log.debug({ tables }, "analyzed tables that are no longer empty"),
    }),
  );
  loops.add(
    "history",
    createHistoryStep({
      database,
      bounds: bounds.history,
      onDropped: (day) => log.info({ day }, "dropped the events and runs of a day after its retention"),
      onKept(day, why) {
        log[why === "busy" ? "info" : "warn"]({ day, why }, "kept a day beyond its retention");
      },
    }),
  );
  loops.add(
    "purge",
    createPurgeStep({
      database,
      bounds: bounds.purge,
      onPurged: (tenantId) => log.info({ tenant_id: tenantId }, "purged a deleted tenant"),
    }),
  );
  const { expiredKeys, oldRejections, oldBreakers, oldAlerts, oldBulkReplays, oldAudit } = bounds;
  const old: [string, { batchSize: number; intervalMs: number }, DeleteOld][] = [
    ["expired keys", expiredKeys, (limit) => deleteExpiredKeys(database, limit)],
    ["old rejections", oldRejections, (limit) => deleteOldRejections(database, { ...oldRejections, limit })],
    ["old breakers", oldBreakers, (limit) => deleteOldBreakers(database, { ...oldBreakers, limit })],
    ["old alerts", oldAlerts, (limit) => deleteOldAlerts(database, { ...oldAlerts, limit })],
    ["old audit", oldAudit, (limit) => deleteOldAudit(database, { ...oldAudit, limit })],
    ["old bulk replays", oldBulkReplays, (limit) => deleteOldBulks(database, { ...oldBulkReplays, limit })],
  ];
  for (const [name, batches, deleteOld] of old) loops.add(name, createDeleteOldStep(deleteOld, batches));
  loops.add(
    "dead letter retention",
    createRetentionStep({
      database,
      bounds: bounds.deadLetters.retention,
      onCleaned({ expired, deleted }) {
        metrics.expiredDeadLetters.inc({ what: "emptied" }, expired);
        metrics.expiredDeadLetters.inc({ what: "deleted" }, deleted);
      },
    }),
  );
  const notices = loops.add(
    "alert notices",
    createAlertNoticeStep({
      database,
      outgoing,
      bounds: bounds.alertNotices,
      random: Math.random,
      onChange({ tenantId, kind, subject, change, message, value, threshold, resolvedValue }) {
        metrics.alerts.inc({ kind, change });
        const alert = { tenant_id: tenantId, kind, subject, value, threshold, resolved_value: resolvedValue };
        if (change === "opened") log.warn(alert, `alert: ${message}`);
        else log.info(alert, `alert resolved: ${message}`);
      },
      onFailed({ tenantId, kind, change, attempt }, error) {
        metrics.alertNoticesGivenUp.inc();
        log.warn({ tenant_id: tenantId, kind, change, attempt, error }, "gave up an alert webhook");
      },
    }),
  );
  loops.add(
    "dead letter watch",
    createDeadLetterWatch({
      database,
      bounds: bounds.deadLetters.watch,
      onCounted: createDeadLetterGauges(metrics, bounds.deadLetters.maxGaugedTenants),
      onAlerts: () => notices.wake(),
    }),
  );
}
