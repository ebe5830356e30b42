import { digestOf } from "./idempotency-key.ts";

/**
 * What failures with one cause share: the same tenant, stage, flow and error, whatever the numbers and ids in its
 * message.
 */
export function fingerprintOf(failure: {
  stage: "normalize" | "route" | "execute";
  tenantId: string;
  /** Undefined where the failure is of no flow. */
  flowId?: string | undefined;
  /** Stable, where the error has one. */
  code?: string | undefined;
  message: string;
}): string {
  const { stage, tenantId, flowId = "", code = "" } = failure;
  const cause = failure.message.replaceAll(/[0-9a-f]{8,}|\d+/gi, "#");
  return digestOf(stage, tenantId, flowId, code, cause).slice(0, 32);
}
