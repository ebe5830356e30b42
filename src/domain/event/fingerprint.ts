import { digestOf } from "./idempotency-key.ts";

/**
 * Returns a hash that failures with one cause share: of the tenant, stage, flow and error, without the numbers and ids in
 * its message.
 */
export function fingerprintOf(failure: {
  stage: "normalize" | "route" | "execute";
  tenantId: string;
  /** Undefined if the failure concerns no flow. */
  flowId?: string | undefined;
  /** The stable error code, if there is one. */
  code?: string | undefined;
  message: string;
}): string {
  const { stage, tenantId, flowId = "", code = "" } = failure;
  const cause = failure.message.replaceAll(/[0-9a-f]{8,}|\d+/gi, "#");
  return digestOf(stage, tenantId, flowId, code, cause).slice(0, 32);
}
