import type { ClaimedNotice } from "../postgres/alerts/notices.ts";

/**
 * Returns the webhook body of an alert. Slack's incoming webhooks show its `text`; programs read the other fields.
 */
export function alertMessage(notice: ClaimedNotice): Record<string, unknown> {
  const resolved = notice.change === "resolved";
  return {
    text: `${resolved ? "Resolved" : "Alert"} [${notice.kind}] ${escapeForSlack(notice.message)}${resolved ? endOf(notice) : ""}`,
    id: notice.alertId,
    status: resolved ? "resolved" : "open",
    tenant_id: notice.tenantId,
    kind: notice.kind,
    subject: notice.subject,
    message: notice.message,
    value: notice.value ?? null,
    threshold: notice.threshold ?? null,
    resolved_value: resolved ? (notice.resolvedValue ?? null) : null,
    details: notice.details,
    opened_at: notice.openedAt.toISOString(),
    resolved_at: resolved ? (notice.resolvedAt?.toISOString() ?? null) : null,
  };
}

function endOf({ resolvedValue }: ClaimedNotice): string {
  return resolvedValue === undefined ? "" : ` (now ${resolvedValue})`;
}

/** Escapes the three control characters of Slack. Source: https://api.slack.com/reference/surfaces/formatting */
function escapeForSlack(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}
