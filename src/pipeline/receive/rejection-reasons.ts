import type { Reason } from "./receiver.ts";
import { REJECTION_REASONS } from "./schemes/verify.ts";

/** What each reason means, for the operator: the sender sees the same 401 whatever it is. */
export const REASONS: Readonly<Record<Reason | "rate_limited", string>> = {
  ...REJECTION_REASONS,
  unknown_endpoint: "There is no such tenant, connector or endpoint",
  disabled: "The endpoint is disabled",
  no_delivery: "The request is authentic, and neither a delivery nor a handshake of its scheme",
  rate_limited: "The delivery is authentic, and the tenant sent more than it may",
  wrong_account: "The delivery names another account than the endpoint's, or none",
};
