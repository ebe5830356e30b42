import type { AlertKey, EndedAlert, NewAlert } from "../postgres/alerts/alerts.ts";
import type { DeadLetterDepth } from "../postgres/dead-letters/depths.ts";
import { type DlqPolicy, EVERY_TENANT } from "../postgres/dead-letters/policies.ts";

/** The kinds of dead letter alerts. */
export const DEAD_LETTER_ALERTS = ["dlq.depth", "dlq.oldest"] as const;

/** The measured values of a tenant. */
interface Reading {
  depth: number;
  oldestSeconds: number;
  stages: Record<string, number>;
}

/**
 * Decides which alerts to open and which to resolve. An alert opens when its value reaches the threshold. It resolves
 * when the value is below `resolveBelow` (0 to 1) of the threshold, so that it does not flap, or when the threshold is
 * removed. The default policy applies to tenants without a policy. Pure.
 */
export function decideAlerts(now: {
  depths: readonly DeadLetterDepth[];
  policies: ReadonlyMap<string, DlqPolicy["alert"]>;
  open: readonly AlertKey[];
  resolveBelow: number;
}): { opening: NewAlert[]; resolving: EndedAlert[] } {
  const { depths, policies, open, resolveBelow } = now;
  const readings = readingsOf(depths);
  const openKeys = new Set(open.map(keyOf));
  const thresholdsOf = (tenantId: string) =>
    policies.has(tenantId) ? policies.get(tenantId) : policies.get(EVERY_TENANT);

  const opening = [...readings].flatMap(([tenantId, reading]) =>
    DEAD_LETTER_ALERTS.flatMap((kind) => {
      const key = { tenantId, kind, subject: "" };
      const threshold = thresholdOf(thresholdsOf(tenantId), kind);
      const value = measureOf(reading, kind);
      if (threshold === undefined || value < threshold || openKeys.has(keyOf(key))) return [];
      const details = { pending_by_stage: reading.stages };
      return [{ ...key, message: messageOf(tenantId, kind, value, threshold), value, threshold, details }];
    }),
  );
  const resolving = open.flatMap((key) => {
    const threshold = thresholdOf(thresholdsOf(key.tenantId), key.kind);
    const value = measureOf(readings.get(key.tenantId) ?? NOTHING, key.kind);
    const ended = threshold === undefined || value < threshold * resolveBelow;
    return ended ? [{ ...key, value }] : [];
  });
  return { opening, resolving };
}

const NOTHING: Reading = { depth: 0, oldestSeconds: 0, stages: {} };

function readingsOf(depths: readonly DeadLetterDepth[]): Map<string, Reading> {
  const readings = new Map<string, Reading>();
  for (const { tenantId, stage, pending, oldestSeconds } of depths) {
    const before = readings.get(tenantId) ?? NOTHING;
    readings.set(tenantId, {
      depth: before.depth + pending,
      oldestSeconds: Math.max(before.oldestSeconds, oldestSeconds),
      stages: { ...before.stages, [stage]: pending },
    });
  }
  return readings;
}

function thresholdOf(alert: DlqPolicy["alert"], kind: string): number | undefined {
  return kind === "dlq.depth" ? alert?.depth : alert?.oldest_seconds;
}

function measureOf(reading: Reading, kind: string): number {
  return kind === "dlq.depth" ? reading.depth : Math.floor(reading.oldestSeconds);
}

function messageOf(tenantId: string, kind: string, value: number, threshold: number): string {
  return kind === "dlq.depth"
    ? `Tenant ${tenantId} has ${value} dead letters that wait for a replay; the threshold is ${threshold}`
    : `The oldest dead letter of tenant ${tenantId} has waited for ${value} s; the threshold is ${threshold} s`;
}

function keyOf({ tenantId, kind, subject }: AlertKey): string {
  return JSON.stringify([tenantId, kind, subject]);
}
