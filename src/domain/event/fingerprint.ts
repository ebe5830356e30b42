import { EVENT_TOO_COSTLY } from "./event-too-costly.ts";
import { digestOf } from "./idempotency-key.ts";

/** The code and the message of an event that no flow wants. */
export const UNMATCHED = { code: "UNMATCHED", message: "The event meets the trigger of no deployed flow" };

/** Codes that name one cause, whatever the message says of the case. */
const NAMED_CAUSES: ReadonlySet<string> = new Set([
  UNMATCHED.code,
  EVENT_TOO_COSTLY,
  "HANDLER_STUCK",
  "HANDLER_OUT_OF_MEMORY",
  "WORKER_LOST",
]);

/**
 * Returns a hash that failures with one cause share: of the tenant, stage, flow and error code, and the response status or,
 * where the code names no cause, the message without the numbers and ids in it.
 */
export function fingerprintOf(failure: {
  stage: "normalize" | "route" | "execute";
  tenantId: string;
  /** Undefined if the failure concerns no flow. */
  flowId?: string | undefined;
  /** The stable error code, if there is one. */
  code?: string | undefined;
  responseStatus?: number | undefined;
  message: string;
}): string {
  const { stage, tenantId, flowId = "", code = "", responseStatus } = failure;
  const named = NAMED_CAUSES.has(code) ? "" : failure.message.replaceAll(/[0-9a-f]{8,}|\d+/gi, "#");
  const cause = responseStatus === undefined ? named : `status ${responseStatus}`;
  return digestOf(stage, tenantId, flowId, code, cause).slice(0, 32);
}
