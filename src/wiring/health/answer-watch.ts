import type { WebhookRoutesOptions } from "../../http/events/webhooks.ts";
import type { RejectionLog } from "../../pipeline/receive/rejection-log.ts";
import type { Metrics } from "../metrics.ts";

/** Creates the function that counts every answer to a delivery, and logs rejections for the API. */
export function createAnswerWatch({
  metrics,
  rejections,
}: {
  metrics: Metrics;
  rejections: RejectionLog;
}): WebhookRoutesOptions["onAnswer"] {
  return (answer, target, request) => {
    metrics.deliveries.inc({ answer: answer.kind });
    const reject = (reason: string, known: { tenantId?: string; connector?: string; endpoint?: string }) => {
      metrics.rejections.inc({ reason });
      rejections.add({
        tenantId: known.tenantId,
        connector: known.connector,
        endpoint: known.endpoint,
        reason,
        method: request.method,
        bodyBytes: Buffer.isBuffer(request.body) ? request.body.length : 0,
        remoteAddress: request.ip,
      });
    };
    if (answer.kind === "rejected") reject(answer.reason, answer.known);
    if (answer.kind === "rate_limited") reject("rate_limited", target);
    if (answer.kind !== "accepted" && answer.kind !== "duplicate") return;
    if (answer.leftOut > 0) reject("wrong_account", target);
    if (answer.byOldSecret) metrics.oldSecrets.inc({ connector: target.connector });
  };
}
